// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Automation

struct CronTests {
    private static func zone(_ name: String) throws -> TimeZone { try #require(TimeZone(identifier: name)) }

    /// An instant from ISO 8601 text with an offset.
    private static func at(_ text: String) throws -> Date {
        try Date.ISO8601FormatStyle().parse(text)
    }

    private static func runs(_ cron: Cron, after start: String, count: Int) throws -> [String] {
        var date = try at(start)
        var found: [String] = []
        for _ in 0..<count {
            date = try #require(cron.next(after: date))
            found.append(Date.ISO8601FormatStyle(timeZone: cron.zone).format(date))
        }
        return found
    }

    @Test(arguments: [
        ("*/5 * * * *", ["2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z"]),
        ("0 3 * * *", ["2026-01-01T03:00:00Z", "2026-01-02T03:00:00Z"]),
        ("*/20 * * * * *", ["2026-01-01T00:00:20Z", "2026-01-01T00:00:40Z", "2026-01-01T00:01:00Z"]),
        ("15,45 8-9 * * *", ["2026-01-01T08:15:00Z", "2026-01-01T08:45:00Z", "2026-01-01T09:15:00Z"]),
        ("0 0 1 jan,JUL ?", ["2026-07-01T00:00:00Z", "2027-01-01T00:00:00Z"]),
        ("0 12 * * mon-fri", ["2026-01-01T12:00:00Z", "2026-01-02T12:00:00Z", "2026-01-05T12:00:00Z"]),
        ("0 0 * * 0", ["2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z"]),
        ("0 0 * * 7", ["2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z"]),
        ("0 0 * * fri-sun", ["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z"]),
        ("0 0 29 2 *", ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
        ("10/25 * * * *", ["2026-01-01T00:10:00Z", "2026-01-01T00:35:00Z", "2026-01-01T01:10:00Z"]),
        ("59 59 23 31 12 *", ["2026-12-31T23:59:59Z", "2027-12-31T23:59:59Z"]),
        ("@hourly", ["2026-01-01T01:00:00Z"]),
        ("@weekly", ["2026-01-04T00:00:00Z"]),
        ("@monthly", ["2026-02-01T00:00:00Z"]),
        ("@yearly", ["2027-01-01T00:00:00Z"]),
    ])
    func listsTheNextRuns(expression: String, expected: [String]) throws {
        let cron = try Cron(expression, zone: try Self.zone("UTC"))
        #expect(try Self.runs(cron, after: "2026-01-01T00:00:00Z", count: expected.count) == expected)
    }

    @Test func eitherDayFieldSufficesWhenBothRestrict() throws {
        let cron = try Cron("0 0 13 * fri", zone: try Self.zone("UTC"))
        #expect(
            try Self.runs(cron, after: "2026-01-01T00:00:00Z", count: 4) == [
                "2026-01-02T00:00:00Z", "2026-01-09T00:00:00Z", "2026-01-13T00:00:00Z", "2026-01-16T00:00:00Z",
            ])
    }

    @Test func bothDayFieldsMustMatchWhenOneBeginsWithAStar() throws {
        let cron = try Cron("0 0 */2 * mon", zone: try Self.zone("UTC"))
        #expect(
            try Self.runs(cron, after: "2026-01-01T00:00:00Z", count: 3) == [
                "2026-01-05T00:00:00Z", "2026-01-19T00:00:00Z", "2026-02-09T00:00:00Z",
            ])
    }

    @Test(arguments: [
        ("* 25 * * *", "cron: field 2 (hour): 25 is not in 0-23"),
        ("60 * * * *", "cron: field 1 (minute): 60 is not in 0-59"),
        ("61 * * * * *", "cron: field 1 (second): 61 is not in 0-59"),
        ("* * 0 * *", "cron: field 3 (day of month): 0 is not in 1-31"),
        ("* * * foo *", "cron: field 4 (month): \"foo\" is not a number or a name"),
        ("* * * * 8", "cron: field 5 (day of week): 8 is not in 0-7"),
        ("30-10 * * * *", "cron: field 1 (minute): range 30-10 runs backwards"),
        ("*/0 * * * *", "cron: field 1 (minute): step \"0\" is not a positive number"),
        ("*/90 * * * *", "cron: field 1 (minute): step 90 is wider than the field"),
        ("? * * * *", "cron: field 1 (minute): ? is not possible here"),
        ("1,,2 * * * *", "cron: field 1 (minute): a value is missing"),
        ("-1 * * * *", "cron: field 1 (minute): \"\" is not a number"),
        ("99999999999999999999 * * * *", "cron: field 1 (minute): \"99999999999999999999\" is not a number"),
        ("* * * *", "cron: \"* * * *\" has 4 fields, 5 or 6 are expected"),
        ("", "cron: \"\" has 0 fields, 5 or 6 are expected"),
        ("0 0 30 2 *", "cron: \"0 0 30 2 *\" never occurs"),
        ("0 0 31 4,6,9,11 *", "cron: \"0 0 31 4,6,9,11 *\" never occurs"),
    ])
    func errorsNameTheFieldAndTheText(expression: String, message: String) throws {
        let error = #expect(throws: AutomationError.self) { try Cron(expression, zone: .gmt) }
        #expect(error?.message == message)
    }

    @Test func hostileTextIsRefused() {
        for text in [
            String(repeating: "1,", count: 600), "@", "@reboot", "\0 * * * *", "٣ * * * *", "1-2-3 * * * *",
            "1/2/3 * * * *",
        ] {
            #expect(throws: AutomationError.self) { try Cron(text, zone: .gmt) }
        }
    }

    @Test func aSkippedTimeRunsAtTheFirstInstantAfterTheGap() throws {
        let cron = try Cron("30 2 * * *", zone: try Self.zone("Europe/Berlin"))
        #expect(
            try Self.runs(cron, after: "2026-03-28T12:00:00Z", count: 2) == [
                "2026-03-29T03:00:00+0200", "2026-03-30T02:30:00+0200",
            ])
    }

    @Test func severalSkippedTimesRunOnce() throws {
        let cron = try Cron("0,15,30 2,3 * * *", zone: try Self.zone("Europe/Berlin"))
        #expect(
            try Self.runs(cron, after: "2026-03-29T00:59:00Z", count: 3) == [
                "2026-03-29T03:00:00+0200", "2026-03-29T03:15:00+0200", "2026-03-29T03:30:00+0200",
            ])
    }

    @Test func aRepeatedTimeRunsOnce() throws {
        let cron = try Cron("30 2 * * *", zone: try Self.zone("Europe/Berlin"))
        #expect(
            try Self.runs(cron, after: "2026-10-24T12:00:00Z", count: 2) == [
                "2026-10-25T02:30:00+0200", "2026-10-26T02:30:00+0100",
            ])
        // From within the second showing of the hour.
        #expect(
            try Self.runs(cron, after: "2026-10-25T01:10:00Z", count: 1) == ["2026-10-26T02:30:00+0100"])
    }

    @Test func wildcardsFollowRealTimeThroughBothChanges() throws {
        let cron = try Cron("*/30 * * * *", zone: try Self.zone("Europe/Berlin"))
        #expect(
            try Self.runs(cron, after: "2026-03-29T00:10:00Z", count: 3) == [
                "2026-03-29T01:30:00+0100", "2026-03-29T03:00:00+0200", "2026-03-29T03:30:00+0200",
            ])
        #expect(
            try Self.runs(cron, after: "2026-10-25T00:10:00Z", count: 4) == [
                "2026-10-25T02:30:00+0200", "2026-10-25T02:00:00+0100", "2026-10-25T02:30:00+0100",
                "2026-10-25T03:00:00+0100",
            ])
    }

    /// Whatever the zone does, each run matches the expression on the wall clock and none is missed or doubled.
    @Test(arguments: [
        "Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca",
        "Asia/Tehran", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu", "UTC",
    ])
    func wildcardRunsAreExactlyTheMatchingInstants(name: String) throws {
        let zone = try Self.zone(name)
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        let cron = try Cron("*/15 0-5 * * *", zone: zone)
        let offsets = ZoneOffsets.offsets(of: zone)
        let start = Int64(try Self.at("2011-01-01T00:00:00Z").timeIntervalSince1970)
        let end = Int64(try Self.at("2027-01-01T00:00:00Z").timeIntervalSince1970)
        for transition in offsets.transitions(from: start, until: end) {
            let from = transition.instant - 7200
            var expected: [Int64] = []
            for instant in stride(from: from + 1, through: from + 14_400, by: 1) where instant % 60 == 0 {
                let parts = calendar.dateComponents(
                    [.hour, .minute], from: Date(timeIntervalSince1970: Double(instant)))
                if let hour = parts.hour, let minute = parts.minute, hour <= 5, minute % 15 == 0 {
                    expected.append(instant)
                }
            }
            var found: [Int64] = []
            var date = Date(timeIntervalSince1970: Double(from))
            while let next = cron.next(after: date), next.timeIntervalSince1970 <= Double(from + 14_400) {
                found.append(Int64(next.timeIntervalSince1970))
                date = next
            }
            #expect(found == expected, "\(name) at \(transition.instant)")
        }
    }

    /// A fixed time of day runs exactly once on each day that the zone's calendar has.
    @Test(arguments: [
        "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Sao_Paulo",
    ])
    func aFixedTimeRunsOncePerDay(name: String) throws {
        let zone = try Self.zone(name)
        let offsets = ZoneOffsets.offsets(of: zone)
        for expression in ["30 2 * * *", "0 0 * * *", "59 23 * * *", "45 1 * * *"] {
            let cron = try Cron(expression, zone: zone)
            var date = try Self.at("2012-01-01T12:00:00Z")
            var day = CivilTime.day(year: 2012, month: 1, day: 1)
            for _ in 0..<5000 {
                let next = try #require(cron.next(after: date))
                let instant = Int64(next.timeIntervalSince1970)
                let local = floorDivision(instant + offsets.segment(at: instant).offset, 86_400).quotient
                #expect(next > date)
                #expect(
                    local == day + 1 || (local == day && day == CivilTime.day(year: 2012, month: 1, day: 1)),
                    "\(name) \(expression) \(next)")
                day = local
                date = next
            }
        }
    }

    @Test func transitionsAgreeWithFoundation() throws {
        for name in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"] {
            let zone = try Self.zone(name)
            let start = try Self.at("2020-01-01T00:00:00Z")
            let found = ZoneOffsets.offsets(of: zone)
                .transitions(
                    from: Int64(start.timeIntervalSince1970),
                    until: Int64(start.timeIntervalSince1970) + 5 * 366 * 86_400)
            #expect(!found.isEmpty)
            for transition in found {
                let before = Date(timeIntervalSince1970: Double(transition.instant - 1))
                #expect(zone.secondsFromGMT(for: before) == Int(transition.before))
                #expect(zone.secondsFromGMT(for: before + 1) == Int(transition.after))
            }
        }
    }

    @Test func datesOutOfRangeHaveNoNextRun() throws {
        let cron = try Cron("* * * * *", zone: .gmt)
        #expect(cron.next(after: .distantFuture.addingTimeInterval(1e15)) == nil)
        #expect(cron.next(after: Date(timeIntervalSince1970: .infinity)) == nil)
        #expect(cron.next(after: Date(timeIntervalSince1970: .nan)) == nil)
        #expect(cron.next(after: Date(timeIntervalSince1970: -3_000_000_000)) != nil)
    }

    @Test func civilTimeAgreesWithTheCalendar() {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        for day in stride(from: Int64(-20_000), through: 80_000, by: 97) {
            let civil = CivilTime(seconds: day * 86_400 + 5)
            let parts = calendar.dateComponents(
                [.year, .month, .day, .weekday], from: Date(timeIntervalSince1970: Double(day * 86_400 + 5)))
            #expect([civil.year, civil.month, civil.day] == [parts.year, parts.month, parts.day])
            #expect(CivilTime.day(year: civil.year, month: civil.month, day: civil.day) == day)
            #expect(CivilTime.weekday(ofDay: day) + 1 == parts.weekday)
        }
    }

}
