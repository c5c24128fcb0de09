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
            let schedule = ScriptSchedule(trigger: trigger, options: options, function: try call.function(2))
            try script.add(schedule)
            try call.push(Handle(schedule), as: handle)
            return 1
        }

        try state.register("every") { call in
            let table = try call.options(3, ["name", "overlap", "at_once"])
            let trigger = try Trigger.interval(try call.duration(1), atOnce: try table.flag("at_once"))
            return try add(call, trigger, try options(table))
        }
        try state.register("cron") { call in
            let table = try call.options(3, ["name", "overlap", "tz", "missed"])
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
        try state.register("after") { call in
            let table = try call.options(3, ["name"])
            return try add(call, .after(try call.duration(1)), try options(table))
        }
        try state.register("on_stop") { call in
            try script.add(stopHook: try call.function(1))
            return 0
        }
        try state.register("sleep") { call in try wait(script, .sleep(try call.duration(1))) }
    }

    private static func options(_ table: LuaTable) throws -> ScriptSchedule.Options {
        var options = ScriptSchedule.Options()
        options.name = try table.text("name")
        if let overlap = try table.text("overlap") { options.overlap = try OverlapPolicy(overlap) }
        switch try table.text("missed") {
        case nil, "skip": break
        case "run": options.runsMissed = true
        case let other?: throw LuaError("missed \"\(other)\" is not one of skip, run")
        }
        return options
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
            "every", "every(interval, fn [, { name, overlap, at_once }]) -> schedule",
            """
            Calls `fn` at fixed distances on the monotonic clock. The first time is after one interval, with `at_once = true` \
            at once. The interval is text such as `"2s"` or seconds, from 10 ms. `fn` gets a table \
            `{ name, scheduled, late }`. `overlap` says what happens when a run is due while one is busy: `skip` (the \
            default), `queue(n)`, `replace` or `parallel(n)`.
            """,
            example: #"every("2s", function(run) log.info(run.name, run.late) end, { name = "pulse" })"#),
        LibraryEntry(
            "cron", "cron(expression, fn [, { name, overlap, tz, missed }]) -> schedule",
            """
            Calls `fn` when the calendar matches. Five fields, or six with seconds first; names, lists, ranges, steps, `?`, \
            `@hourly` to `@yearly`, and `@every 5m`. A time that the clock skips in spring runs at once after the gap, one that \
            it shows twice in autumn runs once; expressions with a wildcard hour or minute go by real time.
            """,
            example: #"cron("30 2 * * mon-fri", backup, { tz = "Europe/Berlin", name = "backup" })"#),
        LibraryEntry(
            "after", "after(delay, fn [, { name }]) -> schedule", "Calls `fn` once, after the delay.",
            example: #"after("10s", function() log.info("ten seconds later") end)"#),
        LibraryEntry(
            "cron_next", "cron_next(expression [, tz [, after]]) -> seconds | nil",
            "When an expression comes next, in seconds since 1970; nil when it never does.",
            example: #"print(time.format(cron_next("0 0 1 * *", "Europe/Berlin")))"#),
        LibraryEntry(
            "on_stop", "on_stop(fn)",
            "Calls `fn` when the script ends, with the reason: `stop`, `reload` or `disabled`.",
            example: #"on_stop(function(reason) store.set("last", reason) end)"#),
        LibraryEntry("sleep", "sleep(duration)", "Suspends this run alone.", example: #"sleep("1s")"#),
        LibraryEntry("schedule:cancel", "schedule:cancel()", "Ends a schedule; a run that is busy goes on."),
        LibraryEntry("schedule:name", "schedule:name() -> string", "The schedule's name, or its text."),
    ]
}
