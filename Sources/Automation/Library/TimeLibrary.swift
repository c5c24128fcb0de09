// SPDX-License-Identifier: Apache-2.0
import Foundation
import LuaRuntime

extension Library {
    /// `time.now()` in seconds since 1970, `time.format(t, "%Y-%m-%d %H:%M", tz)`, `time.parse("2026-03-31 18:00", tz)`,
    /// `duration("5m")` in seconds, `size("50GB")` in bytes, `size_text(n)`.
    ///
    /// `time.parse` reads a date with or without a time of day; a time that the clock skips is the first one after the gap, one
    /// that it shows twice the first of the two.
    static func installTime(in state: LuaState, for script: ScriptInstance) throws {
        let clock = script.context.clock
        let zone = script.context.zone
        try state.register("time.now") { call in
            call.push(clock.wall.timeIntervalSince1970)
            return 1
        }
        try state.register("time.uptime") { call in
            call.push(clock.uptime.seconds)
            return 1
        }
        try state.register("time.format") { call in
            let seconds = call.isNil(1) ? clock.wall.timeIntervalSince1970 : try call.number(1)
            let pattern = try call.optionalString(2) ?? "%Y-%m-%d %H:%M:%S"
            let zone = try call.optionalString(3).map { try timeZone($0) } ?? zone
            guard let text = TimeFormat.text(seconds, pattern, zone) else {
                throw call.argumentError(1, "not a time between the years 1 and 9999")
            }
            call.push(text)
            return 1
        }
        try state.register("time.parse") { call in
            let text = try call.string(1)
            let zone = try call.optionalString(2).map { try timeZone($0) } ?? zone
            guard let civil = CivilTime(parsing: text) else {
                throw call.argumentError(1, "not a time such as 2026-03-31 or 2026-03-31 18:00: \"\(text.prefix(40))\"")
            }
            call.push(Double(ZoneOffsets.offsets(of: zone).instant(ofCivil: civil.seconds)))
            return 1
        }
        try state.register("duration") { call in
            call.push(try call.duration(1).seconds)
            return 1
        }
        try state.register("size") { call in
            call.push(call.isString(1) ? try ByteSize.parse(try call.string(1)) : try call.integer(1))
            return 1
        }
        try state.register("size_text") { call in
            call.push(ByteSize.text(try call.integer(1)))
            return 1
        }
    }
}

/// Times as text, after patterns of strftime.
enum TimeFormat {
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    private static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

    /// Nil outside the years 1 to 9999. Unknown letters after `%` stay as they are.
    static func text(_ seconds: Double, _ pattern: String, _ zone: TimeZone) -> String? {
        guard seconds > -62_000_000_000, seconds < 253_000_000_000 else { return nil }
        let instant = Int64(seconds.rounded(.down))
        let offset = ZoneOffsets.offsets(of: zone).segment(at: instant).offset
        let civil = CivilTime(seconds: instant + offset)
        var text = ""
        var characters = pattern.prefix(1024).makeIterator()
        while let character = characters.next() {
            guard character == "%" else {
                text.append(character)
                continue
            }
            guard let letter = characters.next() else { break }
            text += part(letter, civil, instant, offset, zone) ?? "%\(letter)"
        }
        return text
    }

    private static func part(
        _ letter: Character, _ civil: CivilTime, _ instant: Int64, _ offset: Int64, _ zone: TimeZone
    ) -> String? {
        let day = CivilTime.day(year: civil.year, month: civil.month, day: civil.day)
        let weekday = CivilTime.weekday(ofDay: day)
        let (hour, minute, second) = (civil.secondOfDay / 3600, civil.secondOfDay / 60 % 60, civil.secondOfDay % 60)
        switch letter {
        case "Y": return digits(civil.year, 4)
        case "y": return digits(civil.year % 100, 2)
        case "m": return digits(civil.month, 2)
        case "d": return digits(civil.day, 2)
        case "H": return digits(hour, 2)
        case "I": return digits((hour + 11) % 12 + 1, 2)
        case "p": return hour < 12 ? "AM" : "PM"
        case "M": return digits(minute, 2)
        case "S": return digits(second, 2)
        case "F": return "\(digits(civil.year, 4))-\(digits(civil.month, 2))-\(digits(civil.day, 2))"
        case "T": return "\(digits(hour, 2)):\(digits(minute, 2)):\(digits(second, 2))"
        case "A": return days[weekday]
        case "a": return String(days[weekday].prefix(3))
        case "B": return months[civil.month - 1]
        case "b": return String(months[civil.month - 1].prefix(3))
        case "j": return digits(Int(day - CivilTime.day(year: civil.year, month: 1, day: 1)) + 1, 3)
        case "u": return "\(weekday == 0 ? 7 : weekday)"
        case "w": return "\(weekday)"
        case "s": return "\(instant)"
        case "z":
            let minutes = Int(offset.magnitude) / 60
            return (offset < 0 ? "-" : "+") + digits(minutes / 60, 2) + digits(minutes % 60, 2)
        case "Z":
            return zone.abbreviation(for: Date(timeIntervalSince1970: Double(instant))) ?? zone.identifier
        case "%": return "%"
        default: return nil
        }
    }

    private static func digits(_ value: Int, _ width: Int) -> String {
        let text = "\(value)"
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}

extension Library {
    static let timeReference: [LibraryEntry] = [
        LibraryEntry("time.now", "time.now() -> seconds", "Seconds since 1970, with a fraction."),
        LibraryEntry(
            "time.uptime", "time.uptime() -> seconds",
            "Seconds on a clock that never goes back and does not notice when the calendar is set."),
        LibraryEntry(
            "time.format", "time.format([t [, pattern [, tz]]]) -> string",
            "A time as text: `t` in seconds since 1970 (left out: now), after a pattern of strftime (left out: `%Y-%m-%d %H:%M:%S`),"
                + " in a zone (left out: the machine's, `TZ`).",
            example: #"print(time.format(time.now(), "%F %T %Z", "Asia/Tehran"))"#),
        LibraryEntry(
            "time.parse", "time.parse(text [, tz]) -> seconds",
            """
            When the clock of a zone (left out: the machine's, `TZ`) shows `2026-03-31`, `2026-03-31 18:00` or `2026-03-31 \
            18:00:30`, in seconds since 1970. A time that the clock skips is the first one after the gap, one that it shows \
            twice the first of the two.
            """,
            example: #"print(time.parse("2026-03-31", "Europe/Berlin") - time.now(), "seconds to go")"#),
        LibraryEntry(
            "duration", "duration(text) -> seconds", #"Seconds in `"250ms"`, `"5m"`, `"1h30m"`; a number stays."#),
        LibraryEntry(
            "size", "size(text) -> integer", #"Bytes in `"50GB"`, `"1.5MB"`, in powers of 1,024; a number stays."#),
        LibraryEntry("size_text", "size_text(bytes) -> string", "`1.50 MB`, for messages."),
    ]
}
