// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import JSONText
import ProxyConfig
import XrayProtos

/// Which live flows a command means: those for which all that is given holds.
struct FlowOptions: ParsableArguments {
    @Option(help: "The inbound's tag.") var inbound = ""
    @Option(help: "The outbound's tag.") var outbound = ""
    @Option(help: "The user's e-mail.") var email = ""
    @Option(help: "Source addresses, with commas between: addresses, networks, geoip:… or ext:….") var source = ""
    @Argument(help: "Numbers of flows, as lsflows shows them.") var ids: [UInt64] = []

    func selector() throws -> Tidegate_Core_V1_FlowSelector {
        var selector = Tidegate_Core_V1_FlowSelector()
        selector.inboundTag = inbound
        selector.outboundTag = outbound
        selector.userEmail = email
        selector.id = ids
        if !source.isEmpty {
            let rule: JSONValue = .object(["outboundTag": .string("-"), "source": .string(source)])
            selector.sourceIp = try ConfigurationParts.rule(from: JSONNode(rule)).sourceIp
        }
        return selector
    }
}
