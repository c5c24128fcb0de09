// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import LuaRuntime
import XrayProtos

extension Library {
    /// Short forms: `inbounds.add`, `inbounds.remove`, `outbounds.add`, `outbounds.remove`, `rules.add`, `rules.remove`, `rules.test`,
    /// `balancers.get`, `balancers.override`, `balancers.release`, `log.restart`. Those that change something give true, or nil
    /// and why not.
    static func installHandlers(in state: LuaState, for script: ScriptInstance) throws {
        let control = script.context.control
        let caller = script.caller
        let requests = ConfigurationRequests(objects: script.context.objects)

        try register(call: "inbounds.add", in: state, for: script) { call in
            let request = try requests.addInbound(try call.table(1))
            return try change(call, script) { _ = try await control.addInbound(request, by: caller) }
        }
        try register(call: "inbounds.remove", in: state, for: script) { call in
            var request = Xray_App_Proxyman_Command_RemoveInboundRequest()
            request.tag = try call.string(1)
            return try change(call, script) { [request] in _ = try await control.removeInbound(request, by: caller) }
        }
        try register(call: "outbounds.add", in: state, for: script) { call in
            let request = try requests.addOutbound(try call.table(1))
            return try answer(call) { _ = try control.addOutbound(request, by: caller) }
        }
        try register(call: "outbounds.remove", in: state, for: script) { call in
            var request = Xray_App_Proxyman_Command_RemoveOutboundRequest()
            request.tag = try call.string(1)
            return try answer(call) { _ = try control.removeOutbound(request, by: caller) }
        }
        try register(call: "rules.add", in: state, for: script) { call in
            let table = try call.table(1)
            let rules = table.array.isEmpty ? [table] : table.array.compactMap(\.table)
            let replaces = try call.options(2, ["replace"]).flag("replace")
            let request = try requests.addRules(rules, append: !replaces)
            return try change(call, script) { _ = try await control.addRule(request, by: caller) }
        }
        try register(call: "rules.remove", in: state, for: script) { call in
            var request = Xray_App_Router_Command_RemoveRuleRequest()
            request.ruleTag = try call.string(1)
            return try answer(call) { _ = try control.removeRule(request, by: caller) }
        }
        try installBalancers(in: state, for: script)
    }

    private static func installBalancers(in state: LuaState, for script: ScriptInstance) throws {
        let control = script.context.control
        let caller = script.caller

        func override(_ tag: String, _ target: String, _ call: LuaCall) throws -> LuaReturn {
            var request = Xray_App_Router_Command_OverrideBalancerTargetRequest()
            request.balancerTag = tag
            request.target = target
            return try answer(call) { [request] in _ = try control.overrideBalancerTarget(request, by: caller) }
        }

        try register(call: "balancers.get", in: state, for: script) { call in
            var request = Xray_App_Router_Command_GetBalancerInfoRequest()
            request.tag = try call.string(1)
            let info = try control.getBalancerInfo(request).balancer
            call.beginTable(fields: 2)
            if !info.override.target.isEmpty { call.setField("override", info.override.target) }
            call.beginTable(array: info.principleTarget.tag.count)
            for (index, tag) in info.principleTarget.tag.enumerated() { call.setElement(index + 1, tag) }
            call.endField("targets")
            return 1
        }
        try register(call: "balancers.override", in: state, for: script) { call in
            let target = try call.string(2)
            guard !target.isEmpty else { throw call.argumentError(2, "a tag expected; balancers.release sets it free") }
            return try override(try call.string(1), target, call)
        }
        try register(call: "balancers.release", in: state, for: script) { call in
            try override(try call.string(1), "", call)
        }
        try register(call: "log.restart", in: state, for: script) { call in
            try change(call, script) { _ = try await control.restartLogger(.init(), by: caller) }
        }
    }

    /// A change that may take time: true, or nil and the message of a refusal.
    private static func change(
        _ call: LuaCall, _ script: ScriptInstance, _ body: @escaping @Sendable () async throws -> Void
    ) throws -> LuaReturn {
        try perform(call, script) {
            do {
                try await body()
                return ScriptAnswer { call in
                    call.push(true)
                    return 1
                }
            } catch let error as ControlError {
                return ScriptAnswer { call in
                    call.pushNil()
                    call.push(error.message)
                    return 2
                }
            }
        }
    }
}

extension Library {
    static let handlerReference: [LibraryEntry] = [
        LibraryEntry(
            "inbounds.add", "inbounds.add(object) -> true | nil, message",
            "Adds an inbound: the object that would stand in the configuration's `inbounds`. An object in which something is wrong is"
                + " an error; nil and why not when the core refuses it.",
            example: """
                inbounds.add{
                    tag = "extra", listen = "127.0.0.1", port = 1081, protocol = "socks", settings = { udp = true },
                }
                """, waits: true),
        LibraryEntry(
            "inbounds.remove", "inbounds.remove(tag) -> true | nil, message",
            "Closes an inbound; connections that are open go on.", waits: true),
        LibraryEntry(
            "outbounds.add", "outbounds.add(object) -> true | nil, message",
            "Adds an outbound: the object that would stand in the configuration's `outbounds`.",
            example: #"outbounds.add{ tag = "direct-2", protocol = "freedom" }"#),
        LibraryEntry(
            "outbounds.remove", "outbounds.remove(tag) -> true | nil, message", "Takes an outbound out of use."),
        LibraryEntry(
            "rules.add", "rules.add(object [, { replace }]) -> true | nil, message",
            "Adds a rule, or a list of rules, behind those that there are: objects as in the configuration's `routing.rules`. With"
                + " `replace = true` they take the place of all rules.",
            example: #"rules.add{ ruleTag = "no-ads", domain = { "domain:ads.example" }, outboundTag = "block" }"#,
            waits: true),
        LibraryEntry(
            "rules.remove", "rules.remove(ruleTag) -> true | nil, message", "Removes the rule of that `ruleTag`.",
            example: #"rules.remove("no-ads")"#),
        LibraryEntry(
            "balancers.get", "balancers.get(tag) -> { override, targets }",
            "What a balancer chooses from: `targets` in the order of its strategy, and `override` if it was set to a target."
        ),
        LibraryEntry(
            "balancers.override", "balancers.override(tag, target) -> true | nil, message",
            "Sets a balancer to one outbound, whatever its strategy says.",
            example: #"balancers.override("fast", "out-2")"#),
        LibraryEntry(
            "balancers.release", "balancers.release(tag) -> true | nil, message",
            "Lets a balancer choose by itself again."),
    ]
}
