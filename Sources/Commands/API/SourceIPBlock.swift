// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import JSONText
import ProxyConfig
import SwiftProtobuf
import XrayProtos

struct SourceIPBlock: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "sib", abstract: "Send what comes from some addresses to an outbound.",
        discussion: """
            Adds one rule behind the present ones; connections that are open stay as they are, unless -close cuts them.
            Example: tidegate api sib -outbound=blocked -inbound=in -reset 10.0.0.0/8 192.0.2.1
            Example: tidegate api sib -outbound=blocked -close 192.0.2.1
            """)

    @OptionGroup var connection: ConnectionOptions
    @Option(help: "The outbound's tag.") var outbound = ""
    @Option(help: "The inbound's tag; all inbounds without it.") var inbound = ""
    @Option(name: .customLong("ruletag"), help: "The new rule's tag.") var ruleTag = "sourceIpBlock"
    @Flag(help: "First remove the rule with that tag.") var reset = false
    @Flag(help: "Cut the live connections from there, too (not with Xray; needs FlowService among api.services).")
    var close = false
    @Argument(help: "Addresses, networks, geoip:… or ext:….") var sources: [String] = []

    func perform(_ session: APISession) async throws {
        guard !sources.isEmpty else { throw APIFailure("no source addresses given") }
        let rule = try rule()
        let config = try TypedMessages.pack(Xray_App_Router_Config.with { $0.rule = [rule] })
        if reset {
            try session.show(
                await session.call(to: "remove rule") { try await $0.removeRule(.with { $0.ruleTag = ruleTag }) })
        }
        try session.show(
            await session.call(to: "add rule") { client in
                try await client.addRule(
                    .with {
                        $0.config = config
                        $0.shouldAppend = true
                    })
            })
        if close { try await cut(rule, session) }
    }

    /// Ends the flows that the rule would now send elsewhere.
    private func cut(_ rule: Xray_App_Router_RoutingRule, _ session: APISession) async throws {
        var request = Tidegate_Core_V1_CloseFlowsRequest()
        request.selector.inboundTag = inbound
        request.selector.sourceIp = rule.sourceIp
        do {
            try session.show(await session.connected().closeFlows(request))
        } catch let error as ControlError where error.code == .unimplemented {
            throw APIFailure(
                "the rule was added, but the live connections were not cut: the server has no FlowService "
                    + "(Xray has none; Tidegate wants \"FlowService\" among its api.services)")
        } catch {
            throw APIFailure("the rule was added, but the live connections were not cut: \(error)")
        }
    }

    private func rule() throws -> Xray_App_Router_RoutingRule {
        guard !outbound.isEmpty else {
            throw APIFailure("neither outboundTag nor balancerTag is specified: give -outbound")
        }
        let text: JSONValue = .object([
            "ruleTag": .string(ruleTag), "outboundTag": .string(outbound),
            "inboundTag": .array(inbound.isEmpty ? [] : [.string(inbound)]),
            "source": .array(sources.map { .string($0) }),
        ])
        return try ConfigurationParts.rule(from: JSONNode(text))
    }
}
