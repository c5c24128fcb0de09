// SPDX-License-Identifier: Apache-2.0
import Foundation
import LuaRuntime

extension Library {
    /// What `every`, `cron` and `after` return: `schedule:cancel()`, `schedule:name()`.
    private final class Handle {
        let schedule: ScriptSchedule
        init(_ schedule: ScriptSchedule) { self.schedule = schedule }
    }

    /// `every("2s", fn, { name, overlap, at_once })`, `cron("0 3 * * *", fn, { tz, name, overlap, missed })`,
    /// `after("10s", fn, { name })`, `on_stop(fn)`, `sleep("1s")`.
    ///
    /// `cron_next("0 3 * * *" [, tz [, after]])` is when an expression comes next, in seconds since 1970, or nil.
    /// A run is told `{ name, scheduled, late }`: seconds since 1970, and by how many seconds it began after its time.
    static func installSchedules(in state: LuaState, for script: ScriptInstance) throws {
        let handle = LuaObjectType<Handle>(name: "schedule")
            .method("cancel") { handle, _ in
                script.remove(handle.schedule)
                return 0
            }
            .method("name") { handle, call in
                call.push(handle.schedule.name)
                return 1
            }
        try state.register(handle)

        func add(_ call: LuaCall, _ trigger: Trigger, _ options: ScriptSchedule.Options) throws -> LuaReturn {
            let schedule = ScriptSchedule(
                trigger: trigger, options: options, script: script.name, function: try call.function(2))
            try script.add(schedule)
            try call.push(Handle(schedule), as: handle)
            return 1
        }

        try state.register("every") { call in
            let table = try call.options(3, ["name", "overlap", "at_once", "jitter"])
            let trigger = try Trigger.interval(try call.duration(1), atOnce: try table.flag("at_once"))
            return try add(call, trigger, try options(table))
        }
        try state.register("cron") { call in
            let table = try call.options(3, ["name", "overlap", "tz", "missed", "deadline", "jitter"])
            var zone = script.context.zone
            if let name = try table.text("tz") { zone = try timeZone(name) }
            return try add(call, try Trigger(cron: try call.string(1), zone: zone), try options(table))
        }
        try state.register("cron_next") { call in
            let zone = try call.optionalString(2).map { try timeZone($0) } ?? script.context.zone
            let after = try call.optionalNumber(3).map { Date(timeIntervalSince1970: $0) } ?? script.context.clock.wall
            if let next = try Cron(try call.string(1), zone: zone).next(after: after) {
                call.push(next.timeIntervalSince1970)
            } else {
                call.pushNil()
            }
            return 1
        }
        try state.register("at") { call in
            let table = try call.options(3, ["name", "tz", "missed", "deadline", "jitter"])
            let zone = try table.text("tz").map { try timeZone($0) } ?? script.context.zone
            return try add(call, .at(try time(call, 1, zone)), try options(table))
        }
        try state.register("after") { call in
            let table = try call.options(3, ["name", "jitter"])
            return try add(call, .after(try call.duration(1)), try options(table))
        }
        try state.register("on_stop") { call in
            try script.add(stopHook: try call.function(1))
            return 0
        }
        try state.register("sleep") { call in try wait(call, script, .sleep(try call.duration(1))) }
    }

    private static func options(_ table: LuaTable) throws -> ScriptSchedule.Options {
        var options = ScriptSchedule.Options()
        options.name = try table.text("name")
        if let overlap = try table.text("overlap") { options.overlap = try OverlapPolicy(overlap) }
        if let missed = try table.text("missed") { options.missed = try MissedPolicy(missed) }
        options.deadline = try duration(table["deadline"], "deadline")
        options.jitter = try duration(table["jitter"], "jitter") ?? .zero
        return options
    }

    /// A duration as text or seconds; nil when it is absent.
    static func duration(_ value: LuaValue, _ name: String) throws -> Duration? {
        switch value {
        case .nil: return nil
        case .string(let text): return try Duration(parsing: text)
        default:
            guard let seconds = value.number, seconds >= 0, seconds <= 3e9 else {
                throw LuaError("\(name): a duration such as \"30s\" or seconds expected, got \(value.text)")
            }
            return .nanoseconds(Int64(seconds * 1e9))
        }
    }

    /// A time as text (see `time.parse`) or in seconds since 1970.
    private static func time(_ call: LuaCall, _ argument: Int, _ zone: TimeZone) throws -> Date {
        guard call.isString(argument) else {
            let seconds = try call.number(argument)
            guard seconds > -62_000_000_000, seconds < 253_000_000_000 else {
                throw call.argumentError(argument, "not a time between the years 1 and 9999")
            }
            return Date(timeIntervalSince1970: seconds)
        }
        let text = try call.string(argument)
        guard let civil = CivilTime(parsing: text) else {
            throw call.argumentError(
                argument, "not a time such as 2026-03-31 or 2026-03-31 18:00: \"\(text.prefix(40))\"")
        }
        return Date(timeIntervalSince1970: Double(ZoneOffsets.offsets(of: zone).instant(ofCivil: civil.seconds)))
    }

    static func timeZone(_ name: String) throws -> TimeZone {
        if name == "local" { return .current }
        guard name.utf8.count <= 64, let zone = TimeZone(identifier: name) else {
            throw LuaError("there is no time zone \"\(name)\"")
        }
        return zone
    }
}

extension Library {
    static let scheduleReference: [LibraryEntry] = [
        LibraryEntry(
            "every", "every(interval, fn [, { name, overlap, at_once, jitter }]) -> schedule",
            """
            Calls `fn` at fixed distances on the monotonic clock. The first time is after one interval, with `at_once = \
            true` at once. The interval is text such as `"2s"` or seconds, from 10 ms. `fn` gets a table `{ name, scheduled, \
            late }`. `overlap` says what happens when a run is due while one is busy: `skip` (the default), `queue(n)`, \
            `replace` or `parallel(n)`. With `jitter = "30s"` each time is put off by a share of that which belongs to the \
            names of script and schedule, the same for good.
            """,
            example: #"every("2s", function(run) log.info(run.name, run.late) end, { name = "pulse" })"#),
        LibraryEntry(
            "cron", "cron(expression, fn [, { name, overlap, tz, missed, deadline, jitter }]) -> schedule",
            """
            Calls `fn` when the calendar of the zone `tz` matches, without it that of the machine's zone (`TZ`). Five \
            fields, or six with seconds first; names, lists, ranges, steps, `?`, `@hourly` to `@yearly`, and `@every 5m`. A \
            time that the clock skips in spring runs at once after the gap, one that it shows twice in autumn runs once; \
            expressions with a wildcard hour or minute go by real time.
            `missed` says what becomes of times that nobody noticed for more than a minute, also while the core was not running \
            (what is less late runs anyway): `skip` (the \
            default), `once`, or `all(n)` for a run each, at most the last n; `deadline` is how long ago they may be. A time \
            counts as seen when its run begins, so an interrupted run is not made up for.
            """,
            example: #"cron("30 2 * * mon-fri", backup, { tz = "Europe/Berlin", name = "backup" })"#),
        LibraryEntry(
            "at", "at(time, fn [, { name, tz, missed, deadline, jitter }]) -> schedule",
            """
            Calls `fn` once, when the calendar of the zone `tz`, without it of the machine's zone (`TZ`), shows the time: \
            text such as `"2026-03-31 18:00"`, or seconds since 1970. A time in the past is left out, unless `missed = \
            "once"` makes up for it; the store remembers that it ran. In a core that runs, what is up to a minute late still \
            runs; `missed` is about what is later.
            """,
            example:
                #"at("2026-12-31 23:59", function() log.info("nearly") end, { tz = "Asia/Tokyo", missed = "once" })"#),
        LibraryEntry(
            "after", "after(delay, fn [, { name, jitter }]) -> schedule", "Calls `fn` once, after the delay.",
            example: #"after("10s", function() log.info("ten seconds later") end)"#),
        LibraryEntry(
            "cron_next", "cron_next(expression [, tz [, after]]) -> seconds | nil",
            "When an expression comes next, in seconds since 1970, in the zone `tz` or else the machine's; nil when it never does.",
            example: #"print(time.format(cron_next("0 0 1 * *", "Europe/Berlin")))"#),
        LibraryEntry(
            "on_stop", "on_stop(fn)",
            "Calls `fn` when the script ends, with the reason: `stop`, `reload` or `disabled`.",
            example: #"on_stop(function(reason) store.set("last", reason) end)"#),
        LibraryEntry("sleep", "sleep(duration)", "Suspends this run alone.", example: #"sleep("1s")"#, waits: true),
        LibraryEntry("schedule:cancel", "schedule:cancel()", "Ends a schedule; a run that is busy goes on."),
        LibraryEntry("schedule:name", "schedule:name() -> string", "The schedule's name, or its text."),
    ]
}
