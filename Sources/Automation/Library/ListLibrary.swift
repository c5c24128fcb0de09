// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import LuaRuntime
import XrayProtos

extension Library {
    /// `inbounds.list()` and `outbounds.list()`: `{ tag, protocol, receiver_settings | sender_settings, proxy_settings }` each;
    /// `rules.list()`: `{ tag, ruleTag }` each, as the API names them.
    static func installLists(in state: LuaState, for script: ScriptInstance) throws {
        let control = script.context.control
        try register(call: "inbounds.list", in: state, for: script) { call in
            try perform(call, script) {
                let inbounds = try await control.listInbounds(.init()).inbounds
                return ScriptAnswer { call in
                    call.beginTable(array: inbounds.count)
                    for (index, inbound) in inbounds.enumerated() {
                        try push(inbound, on: call)
                        let name = UserAccount.protocolName(ofSettings: inbound.proxySettings.type)
                        call.setField("protocol", name)
                        call.endElement(index + 1)
                    }
                    return 1
                }
            }
        }
        try register(call: "outbounds.list", in: state, for: script) { call in
            try perform(call, script) {
                let outbounds = try await control.listOutbounds(.init()).outbounds
                return ScriptAnswer { call in
                    call.beginTable(array: outbounds.count)
                    for (index, outbound) in outbounds.enumerated() {
                        try push(outbound, on: call)
                        let name = UserAccount.protocolName(ofSettings: outbound.proxySettings.type)
                        call.setField("protocol", name)
                        call.endElement(index + 1)
                    }
                    return 1
                }
            }
        }
        try register(call: "rules.list", in: state, for: script) { call in
            let rules = try control.listRule(.init()).rules
            call.beginTable(array: rules.count)
            for (index, rule) in rules.enumerated() {
                try push(rule, on: call)
                call.endElement(index + 1)
            }
            return 1
        }
    }
}

extension Library {
    static let listReference: [LibraryEntry] = [
        LibraryEntry(
            "inbounds.list", "inbounds.list() -> inbounds",
            "The inbounds: a list of `{ tag, protocol, receiver_settings, proxy_settings }`.", waits: true),
        LibraryEntry(
            "outbounds.list", "outbounds.list() -> outbounds",
            "The outbounds: a list of `{ tag, protocol, sender_settings, proxy_settings }`.", waits: true),
        LibraryEntry(
            "rules.list", "rules.list() -> rules",
            "The routing rules in their order: a list of `{ tag, ruleTag }`, where `tag` is the outbound's or balancer's."
        ),
    ]
}
