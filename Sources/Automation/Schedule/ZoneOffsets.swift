// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// The offsets of one time zone from UTC, by year, read from Foundation's tables once and kept.
///
/// All times are whole seconds since 1970: instants on UTC, civil times on the zone's wall clock.
final class ZoneOffsets: Sendable {
    /// The instant at which the wall clock changes from one offset to another.
    struct Transition: Sendable, Equatable {
        var instant: Int64
        var before: Int64
        var after: Int64
    }

    private struct Year: Sendable {
        var start: Int64
        var end: Int64
        var firstOffset: Int64
        var transitions: [Transition]
    }

    private static let shared = Mutex<[String: ZoneOffsets]>([:])

    private let zone: TimeZone
    private let years = Mutex<[Int: Year]>([:])

    private init(zone: TimeZone) { self.zone = zone }

    /// The table of `zone`; tables are shared by all expressions that name the same zone.
    static func offsets(of zone: TimeZone) -> ZoneOffsets {
        shared.withLock { tables in
            if let table = tables[zone.identifier] { return table }
            let table = ZoneOffsets(zone: zone)
            tables[zone.identifier] = table
            return table
        }
    }

    /// The offset at an instant, and the first instant at which it may be another one.
    func segment(at instant: Int64) -> (offset: Int64, end: Int64) {
        let year = year(CivilTime(seconds: instant).year)
        var offset = year.firstOffset
        for transition in year.transitions {
            guard transition.instant <= instant else { return (offset, transition.instant) }
            offset = transition.after
        }
        return (offset, year.end)
    }

    /// The instant at which the wall clock first shows `civil`; for a time that it skips, the first instant after the gap.
    func instant(ofCivil civil: Int64) -> Int64 {
        // Offsets lie within 36 hours of UTC, so the answer does too.
        let from = civil - 129_600
        let until = civil + 129_600
        var offset = segment(at: from).offset
        var start = Int64.min
        for transition in transitions(from: from, until: until) {
            let instant = civil - offset
            if instant < transition.instant { return max(instant, start) }
            offset = transition.after
            start = transition.instant
        }
        return max(civil - offset, start)
    }

    /// The transitions after `from`, up to and including `until`.
    func transitions(from: Int64, until: Int64) -> [Transition] {
        let first = CivilTime(seconds: from).year
        let last = CivilTime(seconds: until).year
        guard first <= last else { return [] }
        return (first...last).flatMap { year($0).transitions }.filter { $0.instant > from && $0.instant <= until }
    }

    private func year(_ number: Int) -> Year {
        years.withLock { years in
            if let year = years[number] { return year }
            let year = read(number)
            if years.count > 256 { years.removeAll() }
            years[number] = year
            return year
        }
    }

    /// Looks at every day of a year and narrows each change down to its second.
    private func read(_ number: Int) -> Year {
        let start = CivilTime.day(year: number, month: 1, day: 1) * 86_400
        let end = CivilTime.day(year: number + 1, month: 1, day: 1) * 86_400
        var year = Year(start: start, end: end, firstOffset: offset(start), transitions: [])
        var before = year.firstOffset
        for day in stride(from: start, to: end, by: 86_400) {
            // A change at the very first second of the next year belongs to that year.
            let next = min(day + 86_400, end - 1)
            let after = offset(next)
            guard after != before else { continue }
            var (low, high) = (day, next)
            while high - low > 1 {
                let middle = low + (high - low) / 2
                if offset(middle) == before { low = middle } else { high = middle }
            }
            year.transitions.append(Transition(instant: high, before: before, after: offset(high)))
            before = after
        }
        return year
    }

    private func offset(_ instant: Int64) -> Int64 {
        Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(instant))))
    }
}
