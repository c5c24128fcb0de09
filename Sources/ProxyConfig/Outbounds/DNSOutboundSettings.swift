// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// `settings` of a DNS outbound; the older keys win.
enum DNSOutboundSettings {
    static func decode(_ node: ConfigNode) throws -> Xray_Proxy_Dns_Config {
        try node.object { object in
            var config = Xray_Proxy_Dns_Config()
            let rewriteNetwork = try object.string("rewriteNetwork")
            let network = try object.string("network")
            config.rewriteServer.network = .init(name: network.isEmpty ? rewriteNetwork : network)
            let rewriteAddress = object["rewriteAddress"]
            if let address = object["address"] ?? rewriteAddress {
                config.rewriteServer.address = try address.ipOrDomain()
            }
            let rewritePort = try object.integer("rewritePort", as: UInt16.self)
            let port = try object.integer("port", as: UInt16.self)
            config.rewriteServer.port = UInt32(port != 0 ? port : rewritePort)
            config.userLevel = try object.integer("userLevel")
            let rules = object["rules"]
            let query = object["nonIPQuery"]
            let types = object["blockTypes"]
            if let older = query ?? types {
                guard rules == nil else { throw older.error("nonIPQuery and blockTypes do not go together with rules") }
                config.rule = try olderRules(query: query, types: types)
            } else {
                config.rule = try rules?.elements().map { try rule($0) } ?? []
            }
            return config
        }
    }

    private static func rule(_ node: ConfigNode) throws -> Xray_Proxy_Dns_DNSRuleConfig {
        try node.object { object in
            var rule = Xray_Proxy_Dns_DNSRuleConfig()
            switch try object.string("action").lowercased() {
            case "direct": rule.action = .direct
            case "drop": rule.action = .drop
            case "return": rule.action = .return
            case "hijack": rule.action = .hijack
            case let other:
                throw (object["action"] ?? node).error(
                    "unknown action (known: direct, drop, return, hijack): \(other.quoted)")
            }
            for range in try object["qType"]?.portList().range ?? [] where range.from <= range.to {
                rule.qType += (range.from...range.to).map { Int32(truncatingIfNeeded: $0) }
            }
            rule.domain = try object["domain"]?.domainRules() ?? []
            rule.rCode = try UInt32(object.integer("rCode", as: UInt16.self))
            return rule
        }
    }

    /// The older keys as rules: what to do with the types named, then A and AAAA to the core, then all the rest.
    private static func olderRules(query: ConfigNode?, types: ConfigNode?) throws -> [Xray_Proxy_Dns_DNSRuleConfig] {
        let text = try query?.string() ?? ""
        let mode = text.isEmpty ? "reject" : text
        guard ["reject", "drop", "skip"].contains(mode) else {
            throw (query ?? types)?.error("unknown value (known: reject, drop, skip): \(mode.quoted)")
                ?? ConfigurationError(message: "unknown value: \(mode.quoted)")
        }
        var rules: [Xray_Proxy_Dns_DNSRuleConfig] = []
        let blocked = try types?.elements().map { try Int32($0.integer(as: UInt16.self)) } ?? []
        if !blocked.isEmpty { rules.append(rule(mode == "reject" ? .return : .drop, types: blocked)) }
        rules.append(rule(.hijack, types: [1, 28]))
        rules.append(rule(mode == "reject" ? .return : mode == "drop" ? .drop : .direct, types: []))
        return rules
    }

    /// A rule for those types; a returned answer says "refused".
    private static func rule(_ action: Xray_Proxy_Dns_RuleAction, types: [Int32]) -> Xray_Proxy_Dns_DNSRuleConfig {
        var rule = Xray_Proxy_Dns_DNSRuleConfig()
        rule.action = action
        rule.qType = types
        if action == .return { rule.rCode = 5 }
        return rule
    }
}
