// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import LuaRuntime
import XrayProtos

extension Library {
    /// `stats.get(name [, { reset = true }])` as an integer or nil, `stats.query(pattern [, { reset = true }])` as a table of
    /// values by name.
    static func installStats(in state: LuaState, for script: ScriptInstance) throws {
        let control = script.context.control
        try register(call: "stats.get", in: state, for: script) { call in
            let name = try call.string(1)
            let value: Int64?
            if !call.isNil(2), try call.options(2, ["reset"]).flag("reset") {
                value = try takeCounter(name, control)
            } else {
                value = control.counterValue(named: name)
            }
            if let value { call.push(value) } else { call.pushNil() }
            return 1
        }
        try register(call: "stats.query", in: state, for: script) { call in
            var request = Xray_App_Stats_Command_QueryStatsRequest()
            request.pattern = try call.optionalString(1) ?? ""
            let options = try call.options(2, ["reset", "total"])
            request.reset = try options.flag("reset")
            let wantsTotals = try options.flag("total")
            guard !(wantsTotals && request.reset) else { throw LuaError("stats.query: reset or total, not both") }
            return try perform(call, script) { [request] in
                let found =
                    wantsTotals
                    ? await control.counterTotals(request.pattern) : try await control.queryStats(request).stat
                return ScriptAnswer { call in
                    call.beginTable(fields: found.count)
                    for stat in found { call.setField(stat.name, stat.value) }
                    return 1
                }
            }
        }
    }

    /// Reads a counter and sets it to 0; nil when there is none.
    private static func takeCounter(_ name: String, _ control: any ControlPlane) throws -> Int64? {
        var request = Xray_App_Stats_Command_GetStatsRequest()
        request.name = name
        request.reset = true
        do {
            return try control.getStats(request).stat.value
        } catch {
            guard control.counterValue(named: name) == nil else { throw error }
            return nil
        }
    }
}

extension Library {
    static let statsReference: [LibraryEntry] = [
        LibraryEntry(
            "stats.get", "stats.get(name [, { reset }]) -> integer | nil",
            "One counter, or nil when there is none. With `reset = true` it is set to 0 as it is read.",
            example: #"print(stats.get("inbound>>>vless-in>>>traffic>>>downlink"))"#),
        LibraryEntry(
            "stats.query", "stats.query([pattern [, { reset | total }]]) -> table",
            "The counters whose names contain `pattern`, as values by name; with `total` all that was ever counted in this process, "
                + "whoever has reset them.",
            example: #"for name, value in pairs(stats.query("user>>>")) do print(name, value) end"#, waits: true),
        LibraryEntry(
            "stats.watch", "stats.watch(pattern, threshold, fn [, { name, buffer, total }]) -> subscription",
            """
            Calls `fn` when a counter reaches the threshold (above 0, else it is an error), once for each crossing. The byte \
            that reaches it raises the call, which begins some milliseconds later: traffic goes on at full speed until `fn` \
            has removed the user and closed the flows, so it should do both, with `users.remove` and `flows.close`. In the \
            pattern `*` stands for any text, and counters that are made later are watched, too. Where the part behind the \
            last `>>>` is `*`, the counters that differ there alone are added up: `user>>>*>>>traffic>>>*` watches each \
            user's up and down together. A counter that has reached the threshold already is told at once; one that is reset \
            may cross again. With `total = true` all that was ever counted in this process is compared, and resets make no \
            difference. Counters begin at 0 with each process (see `core.session`): a script that remembers what was used \
            before takes it off the threshold, and acts at once where nothing is left of it. `fn` gets `{ name = \
            "counter.crossed", counter, value, threshold }` and `email` or `tag`.
            """,
            example: """
                stats.watch("user>>>a@example.com>>>traffic>>>*", size("10GB"), function(event)
                    users.remove("vless-in", event.email)
                    flows.close{ email = event.email }
                end)
                """),
    ]
}
