// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import LuaRuntime
import ProxyModel

extension Library {
    /// What `on` and `stats.watch` return.
    final class SubscriptionHandle {
        let subscription: ScriptSubscription
        init(_ subscription: ScriptSubscription) { self.subscription = subscription }
    }

    /// `on(event [, filter], fn [, options])`, `events.wait(event [, filter [, time-out]])`, `stats.watch(pattern, threshold, fn
    /// [, options])`.
    static func installEvents(in state: LuaState, for script: ScriptInstance) throws {
        let handle = LuaObjectType<SubscriptionHandle>(name: "subscription")
            .method("cancel") { handle, _ in
                script.remove(handle.subscription)
                return 0
            }
            .method("name") { handle, call in
                call.push(handle.subscription.name)
                return 1
            }
        try state.register(handle)

        func add(
            _ call: LuaCall, _ source: ScriptSubscription.Source, at position: Int, options known: Set<String> = []
        ) throws -> LuaReturn {
            let subscription = ScriptSubscription(
                source: source, options: try options(call, position + 1, known),
                function: try call.function(position))
            try script.add(subscription)
            try call.push(SubscriptionHandle(subscription), as: handle)
            return 1
        }

        try state.register("on") { call in
            let event = try call.string(1)
            if call.isFunction(2) { return try add(call, .events(EventFilter(event)), at: 2) }
            return try add(call, .events(EventFilter(event, try call.optionalTable(2) ?? LuaTable())), at: 3)
        }
        try state.register("stats.watch") { call in
            let pattern = try call.string(1)
            guard !pattern.isEmpty, pattern.utf8.count <= 1024 else {
                throw call.argumentError(1, "a name or pattern of up to 1024 bytes expected")
            }
            let threshold = call.isString(2) ? try ByteSize.parse(try call.string(2)) : try call.integer(2)
            guard threshold > 0 else { throw call.argumentError(2, "a threshold above 0 expected") }
            let ofTotals = call.isTable(4) ? try call.table(4).flag("total") : false
            let source = ScriptSubscription.Source.counters(
                pattern: pattern, threshold: threshold, ofTotals: ofTotals)
            return try add(call, source, at: 3, options: ["total"])
        }
        try state.register("events.raise") { call in
            let name = try call.string(1)
            guard name.hasPrefix(EventFilter.ofScripts), name.utf8.count <= 100, !name.contains("*") else {
                throw call.argumentError(1, "a name such as \"script.user_cut\" expected")
            }
            let table = try call.optionalTable(2) ?? LuaTable()
            guard table.array.isEmpty else { throw call.argumentError(2, "fields by name expected") }
            let fields = try LuaJSON.encode(.table(table))
            guard fields.utf8.count <= 16_384 else { throw LuaError("events.raise: the fields are larger than 16 kB") }
            try script.context.control.raise(.init(name: name, script: script.name, fields: fields))
            return 0
        }
        try state.register("events.wait") { call in
            let event = try call.string(1)
            var filter = LuaTable()
            var next = 2
            if call.isTable(2) {
                filter = try call.table(2)
                next = 3
            } else if call.isNil(2), call.count > 2 {
                next = 3
            }
            let limit = call.isNil(next) ? nil : try call.duration(next)
            let wanted = try EventFilter(event, filter)
            guard !wanted.topics.isEmpty else { throw LuaError("events.wait: \(event) cannot be waited for, use on") }
            return try wait(call, script, .event(wanted, limit))
        }
    }

    private static func options(
        _ call: LuaCall, _ position: Int, _ more: Set<String>
    ) throws -> ScriptSubscription.Options {
        let table = try call.options(position, more.union(["name", "buffer"]))
        var options = ScriptSubscription.Options()
        options.name = try table.text("name")
        if !table["buffer"].isNil {
            guard let buffer = table["buffer"].integer, (1...Int64(ScriptSubscription.largestBuffer)).contains(buffer)
            else { throw LuaError("buffer: a number from 1 to \(ScriptSubscription.largestBuffer) expected") }
            options.buffer = Int(buffer)
        }
        return options
    }
}

extension Library {
    static let eventReference: [LibraryEntry] = [
        LibraryEntry(
            "events.raise", "events.raise(name [, fields])",
            "Raises an event of the script's own; its name begins with `script.`. All scripts can wait for it with `on`.",
            example: #"events.raise("script.user_cut", { email = "a@example.com" })"#),
        LibraryEntry(
            "on", "on(event [, filter], fn [, { name, buffer }]) -> subscription",
            """
            Calls `fn` with each event of that name, one after another in their order. In the name `*` stands for any text: \
            `user.*`. The filter is a table of fields and what they must be: a text in which `*` stands for any text, a number, or \
            a list of them. `fn` gets a table with the event's `name` and fields. While one call is busy up to `buffer` events \
            (1,000) wait; beyond that the oldest is dropped, the log tells how many, and so does the field `dropped` of the \
            next event.
            """,
            example: """
                on("user.online", { email = "*@trial.example" }, function(event)
                    log.info(event.email, "is online from", event.source)
                end)
                """),
        LibraryEntry(
            "events.wait", "events.wait(event [, filter] [, timeout]) -> event | nil",
            """
            Suspends this run until an event comes that `on` would get with the same name and filter, or gives nil after the \
            time-out. What happens between two calls is not seen; `on` sees everything.
            """,
            example: """
                local event = events.wait("user.offline", { email = "a@example.com" }, "10m")
                if not event then log.info("still online") end
                """, waits: true),
        LibraryEntry(
            "subscription:cancel", "subscription:cancel()", "Ends a subscription; a call that is busy goes on."),
        LibraryEntry("subscription:name", "subscription:name() -> string", "The subscription's name, or its text."),
    ]
}
