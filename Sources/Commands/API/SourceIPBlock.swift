// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import ProxyConfig
import SwiftProtobuf
import XrayProtos

struct SourceIPBlock: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "sib", abstract: "Send what comes from some addresses to an outbound.",
        discussion: """
            Adds one rule behind the present ones; connections that are open stay as they are.
            Example: tidegate api sib -outbound=blocked -inbound=in -reset 10.0.0.0/8 192.0.2.1
            """)

    @OptionGroup var connection: ConnectionOptions
    @Option(help: "The outbound's tag.") var outbound = ""
    @Option(help: "The inbound's tag; all inbounds without it.") var inbound = ""
    @Option(name: .customLong("ruletag"), help: "The new rule's tag.") var ruleTag = "sourceIpBlock"
    @Flag(help: "First remove the rule with that tag.") var reset = false
    @Argument(help: "Addresses, networks, geoip:… or ext:….") var sources: [String] = []

    func perform(_ session: APISession) async throws {
        guard !sources.isEmpty else { throw APIFailure("no source addresses given") }
        let config = try TypedMessages.pack(Xray_App_Router_Config.with { $0.rule = [try rule()] })
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
    }

    private func rule() throws -> Xray_App_Router_RoutingRule {
        guard !outbound.isEmpty else {
            throw APIFailure("neither outboundTag nor balancerTag is specified: give -outbound")
        }
        let text: ProxyConfig.JSONValue = .object([
            "ruleTag": .string(ruleTag), "outboundTag": .string(outbound),
            "inboundTag": .array(inbound.isEmpty ? [] : [.string(inbound)]),
            "source": .array(sources.map { .string($0) }),
        ])
        return try ConfigurationParts.rule(from: JSONNode(text))
    }
}
