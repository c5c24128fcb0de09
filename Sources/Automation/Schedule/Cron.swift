// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// A cron expression in a time zone.
///
/// Five fields (minute, hour, day of month, month, day of week) or six (seconds first), or one of `@hourly`, `@daily`,
/// `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`. Where neither day field begins with `*`, a day matches that
/// either of them names, else both must (Vixie cron's rule).
///
/// Where the wall clock jumps, this follows ISC cron: an expression with a wildcard hour or minute goes by real time. Any
/// other runs once for a time that the clock shows twice, and for times that it skips once, at the first instant after them.
package struct Cron: Sendable, Equatable, CustomStringConvertible {
    /// The expression as it was given.
    package let description: String
    package let zone: TimeZone
    private let fields: CronFields

    /// Fails with a message that names the field, and refuses what never occurs (`0 0 30 2 *`).
    package init(_ text: String, zone: TimeZone = .current) throws(AutomationError) {
        description = text
        self.zone = zone
        fields = try CronFields(text)
    }

    package static func == (left: Cron, right: Cron) -> Bool {
        left.fields == right.fields && left.zone == right.zone
    }

    /// The first run after `date`, to the second; nil beyond the year 9999.
    package func next(after date: Date) -> Date? {
        let now = date.timeIntervalSince1970.rounded(.down)
        guard now > -62_000_000_000, now < 253_000_000_000 else { return nil }
        let offsets = ZoneOffsets.offsets(of: zone)
        let next =
            fields.followsRealTime
            ? nextByRealTime(after: Int64(now), offsets) : nextByWallClock(after: Int64(now), offsets)
        return next.map { Date(timeIntervalSince1970: TimeInterval($0)) }
    }

    /// Goes through the spans between two changes of the offset, each with a wall clock that does not jump.
    private func nextByRealTime(after now: Int64, _ offsets: ZoneOffsets) -> Int64? {
        var from = now
        // A span ends with the year at the latest; the rarest expression occurs within 41 years.
        for _ in 0..<400 {
            let (offset, end) = offsets.segment(at: from + 1)
            guard let civil = fields.next(after: from + offset) else { return nil }
            if civil - offset < end { return civil - offset }
            from = end - 1
        }
        return nil
    }

    /// Goes through the times on the wall clock; the instant at which each first shows never goes backwards.
    private func nextByWallClock(after now: Int64, _ offsets: ZoneOffsets) -> Int64? {
        var civil = now + offsets.segment(at: now).offset
        // A jump hides at most a day of seconds.
        for _ in 0...90_000 {
            guard let next = fields.next(after: civil) else { return nil }
            let instant = offsets.instant(ofCivil: next)
            if instant > now { return instant }
            civil = next
        }
        return nil
    }
}

/// The six fields, without a zone.
private struct CronFields: Sendable, Equatable {
    private var second: CronField
    private var minute: CronField
    private var hour: CronField
    private var dayOfMonth: CronField
    private var month: CronField
    private var dayOfWeek: CronField

    private static let names = [
        "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
    ]

    var followsRealTime: Bool { hour.isWildcard || minute.isWildcard }

    init(_ text: String) throws(AutomationError) {
        guard text.utf8.count <= 1024 else { throw AutomationError(.syntax, "cron: longer than 1024 bytes") }
        var parts = text.split(whereSeparator: \.isWhitespace)
        if let name = parts.first, name.first == "@" {
            guard parts.count == 1, let expression = Self.names[name.lowercased()] else {
                let names = Self.names.keys.sorted().joined(separator: ", ")
                throw AutomationError(.syntax, "cron: \"\(text)\" is not one of \(names)")
            }
            parts = expression.split(separator: " ")
        }
        guard parts.count == 5 || parts.count == 6 else {
            throw AutomationError(.syntax, "cron: \"\(text)\" has \(parts.count) fields, 5 or 6 are expected")
        }
        let first = parts.count - 5
        second = try CronField(first == 1 ? parts[0] : "0", kind: .second, number: 1)
        minute = try CronField(parts[first], kind: .minute, number: first + 1)
        hour = try CronField(parts[first + 1], kind: .hour, number: first + 2)
        dayOfMonth = try CronField(parts[first + 2], kind: .dayOfMonth, number: first + 3)
        month = try CronField(parts[first + 3], kind: .month, number: first + 4)
        dayOfWeek = try CronField(parts[first + 4], kind: .dayOfWeek, number: first + 5)
        guard occurs else { throw AutomationError(.syntax, "cron: \"\(text)\" never occurs") }
    }

    /// Every date falls on every day of the week in 400 years, so only a day that no month has is impossible.
    private var occurs: Bool {
        if !dayOfMonth.isWildcard, !dayOfWeek.isWildcard { return true }
        return (1...12).contains { number in
            // 2000 is a leap year.
            guard month.contains(number), let first = dayOfMonth.next(from: 1) else { return false }
            return first <= CivilTime.length(ofMonth: number, year: 2000)
        }
    }

    /// The first matching time on a wall clock that does not jump, after `civil` seconds.
    func next(after civil: Int64) -> Int64? {
        let (day, second) = floorDivision(civil + 1, 86_400)
        if matches(day: day), let time = timeOfDay(from: Int(second)) { return day * 86_400 + Int64(time) }
        guard let next = nextDay(from: day + 1), let time = timeOfDay(from: 0) else { return nil }
        return next * 86_400 + Int64(time)
    }

    private func timeOfDay(from start: Int) -> Int? {
        var (hours, minutes, seconds) = (start / 3600, start / 60 % 60, start % 60)
        while let hour = hour.next(from: hours) {
            if hour > hours { (minutes, seconds) = (0, 0) }
            while let minute = minute.next(from: minutes) {
                if minute > minutes { seconds = 0 }
                if let second = second.next(from: seconds) { return hour * 3600 + minute * 60 + second }
                (minutes, seconds) = (minute + 1, 0)
            }
            (hours, minutes, seconds) = (hour + 1, 0, 0)
        }
        return nil
    }

    private func nextDay(from first: Int64) -> Int64? {
        var (year, month, startDay) = CivilTime.date(ofDay: first)
        let lastYear = min(year + 60, 9999)
        while year <= lastYear {
            if self.month.contains(month) {
                let length = CivilTime.length(ofMonth: month, year: year)
                let base = CivilTime.day(year: year, month: month, day: 1) - 1
                for day in stride(from: startDay, through: length, by: 1)
                where matches(dayOfMonth: day, weekday: CivilTime.weekday(ofDay: base + Int64(day))) {
                    return base + Int64(day)
                }
            }
            startDay = 1
            (year, month) = month == 12 ? (year + 1, 1) : (year, month + 1)
        }
        return nil
    }

    private func matches(day: Int64) -> Bool {
        let date = CivilTime.date(ofDay: day)
        return month.contains(date.month)
            && matches(dayOfMonth: date.day, weekday: CivilTime.weekday(ofDay: day))
    }

    private func matches(dayOfMonth day: Int, weekday: Int) -> Bool {
        if dayOfMonth.isWildcard || dayOfWeek.isWildcard {
            return dayOfMonth.contains(day) && dayOfWeek.contains(weekday)
        }
        return dayOfMonth.contains(day) || dayOfWeek.contains(weekday)
    }
}
