// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import LuaRuntime
import ProxyModel

extension Library {
    /// `flows.list{ inbound, outbound, email, source }`: the live flows for which all that is given holds, as
    /// `{ id, inbound, outbound, email, source, target, up, down, age }`; `flows.close{ … }` ends them and tells how many
    /// there were. To end all flows, `flows.close{}` has to be written out.
    static func installFlows(in state: LuaState, for script: ScriptInstance) throws {
        let control = script.context.control
        let caller = script.caller
        try register(call: "flows.list", in: state, for: script) { call in
            let selector = try selector(call)
            return try perform(call, script) {
                let flows = await control.flows(selector)
                return ScriptAnswer { call in
                    call.beginTable(array: flows.count)
                    for (index, flow) in flows.enumerated() {
                        push(flow, on: call)
                        call.endElement(index + 1)
                    }
                    return 1
                }
            }
        }
        try register(call: "flows.close", in: state, for: script) { call in
            guard call.isTable(1) else { throw call.argumentError(1, expected: "table") }
            let selector = try selector(call)
            return try perform(call, script) {
                let count = try await control.closeFlows(selector, by: caller)
                return ScriptAnswer { call in
                    call.push(count)
                    return 1
                }
            }
        }
    }

    private static func selector(_ call: LuaCall) throws -> FlowSelector {
        let table = try call.options(1, ["inbound", "outbound", "email", "source"])
        var selector = FlowSelector(
            inbound: try table.text("inbound"), outbound: try table.text("outbound"), email: try table.text("email"))
        if let source = try table.text("source") {
            guard let address = IPAddress(source) else { throw LuaError("source: not an IP address: \"\(source)\"") }
            selector.source = address
        }
        return selector
    }

    private static func push(_ flow: FlowReport, on call: LuaCall) {
        let summary = flow.summary
        call.beginTable(fields: 9)
        call.setField("id", Int64(bitPattern: summary.id))
        call.setField("inbound", summary.inbound)
        call.setField("outbound", summary.outbound)
        call.setField("email", summary.email)
        call.setField("source", summary.source.description)
        call.setField("target", summary.target.description)
        call.setField("up", flow.uplink)
        call.setField("down", flow.downlink)
        call.setField("age", flow.age)
    }
}

extension Library {
    static let flowReference: [LibraryEntry] = [
        LibraryEntry(
            "flows.list", "flows.list([{ inbound, outbound, email, source }]) -> flows",
            """
            The live flows for which all that is given holds: a list of \
            `{ id, inbound, outbound, email, source, target, up, down, age }`, `age` in seconds.
            """,
            example: #"print(#flows.list{ email = "a@example.com" })"#, waits: true),
        LibraryEntry(
            "flows.close", "flows.close{ inbound, outbound, email, source } -> integer",
            "Ends the flows for which all that is given holds, and tells how many. To end all, write `flows.close{}`.",
            waits: true),
    ]
}
