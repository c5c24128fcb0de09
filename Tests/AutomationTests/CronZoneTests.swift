// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Automation

/// Every change of the clock in every zone of the IANA database for ten years, against a model that looks at each minute around it.
struct CronZoneTests {
    private static let start: Int64 = 1_767_225_600  // 2026-01-01
    private static let end: Int64 = start + 3653 * 86_400

    /// A change of the offset, alone in the two days before and after it.
    private struct Change {
        var zone: TimeZone
        var at: ZoneOffsets.Transition

        /// What the wall clock shows.
        func civil(_ instant: Int64) -> Int64 { instant + (instant < at.instant ? at.before : at.after) }
    }

    private static func changes(of zone: TimeZone) -> [Change] {
        let all = ZoneOffsets.offsets(of: zone).transitions(from: start, until: end)
        return all.enumerated().compactMap { index, transition in
            let isAlone =
                (index == 0 || transition.instant - all[index - 1].instant > 4 * 86_400)
                && (index + 1 == all.count || all[index + 1].instant - transition.instant > 4 * 86_400)
            return isAlone ? Change(zone: zone, at: transition) : nil
        }
    }

    private static func runs(_ cron: Cron, after start: Int64, until end: Int64) -> [Int64] {
        var found: [Int64] = []
        var date = Date(timeIntervalSince1970: Double(start))
        while let next = cron.next(after: date), next.timeIntervalSince1970 <= Double(end), found.count < 1000 {
            found.append(Int64(next.timeIntervalSince1970))
            date = next
        }
        return found
    }

    /// A time of day runs once a day: at its first showing, or where the clock skips it, at the first instant after the gap.
    private static func check(_ change: Change, timeOfDay seconds: Int64) throws {
        let (hour, minute) = (seconds / 3600, seconds / 60 % 60)
        let cron = try Cron("\(minute) \(hour) * * *", zone: change.zone)
        let (from, until) = (change.at.instant - 93_600, change.at.instant + 93_600)
        let wanted = hour * 3600 + minute * 60
        var shown: [Int64: Int64] = [:]
        for instant in stride(from: from - from % 60, through: until, by: 60) {
            let (day, second) = floorDivision(change.civil(instant), 86_400)
            if second - second % 60 == wanted, shown[day] == nil { shown[day] = instant }
        }
        // The day whose time fell into the gap.
        let (gapStart, gapEnd) = (change.at.instant + change.at.before, change.at.instant + change.at.after)
        for day in floorDivision(gapStart, 86_400).quotient...max(gapStart, gapEnd) / 86_400 {
            let civil = day * 86_400 + wanted
            if civil >= gapStart, civil < gapEnd { shown[day] = change.at.instant }
        }
        // Times before the window's start may show on its first day.
        let expected = shown.values.filter { $0 > from && $0 <= until }.sorted()
        let found = runs(cron, after: from, until: until)
        #expect(found == expected, "\(change.zone.identifier) at \(change.at.instant), \(cron)")
    }

    /// An expression with wildcards goes by real time: each minute that shows a match, also when it shows twice.
    private static func checkWildcard(_ change: Change) throws {
        let cron = try Cron("*/20 * * * *", zone: change.zone)
        let (from, until) = (change.at.instant - 10_800, change.at.instant + 10_800)
        let expected = stride(from: from - from % 60, through: until, by: 60).filter {
            $0 > from && floorDivision(change.civil($0), 3600).remainder % 1200 == 0
        }
        #expect(
            runs(cron, after: from, until: until) == expected, "\(change.zone.identifier) at \(change.at.instant)")
    }

    @Test(arguments: [0, 1, 2, 3])
    func everyChangeOfEveryZoneIsFollowed(part: Int) async throws {
        var checked = 0
        for (index, name) in TimeZone.knownTimeZoneIdentifiers.sorted().enumerated() where index % 4 == part {
            let zone = try #require(TimeZone(identifier: name))
            // This computes for long: others get their turn on the same few threads.
            await Task.yield()
            for change in Self.changes(of: zone) {
                let gap = change.at.after - change.at.before
                let edge = floorDivision(change.at.instant + min(change.at.before, change.at.after), 86_400).remainder
                for offset in [-60, 0, abs(gap) / 2, abs(gap) - 60, abs(gap)] {
                    try Self.check(change, timeOfDay: floorDivision(edge + offset, 86_400).remainder)
                }
                try Self.checkWildcard(change)
                checked += 1
            }
        }
        #expect(checked > 300)
    }
}
