// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// One element of `routing.rules`.
enum RoutingRuleSection {
    static func decode(_ node: ConfigNode) throws -> Xray_App_Router_RoutingRule {
        try node.object { object in
            var rule = Xray_App_Router_RoutingRule()
            rule.ruleTag = try object.string("ruleTag")
            let outbound = try object.string("outboundTag")
            let balancer = try object.string("balancerTag")
            if !outbound.isEmpty {
                rule.targetTag = .tag(outbound)
            } else if !balancer.isEmpty {
                rule.targetTag = .balancingTag(balancer)
            } else {
                throw node.error("the rule names neither an outboundTag nor a balancerTag")
            }
            try decodeTargets(of: &rule, from: object)
            try decodeSources(of: &rule, from: object)
            rule.webhook = try object["webhook"].flatMap { try webhook($0) } ?? rule.webhook
            if rule.webhook == .init() { rule.clearWebhook() }
            object.ignore("type", "domainMatcher", "enabled", "remarks")
            guard hasCondition(rule) else { throw node.error("the rule has no condition") }
            return rule
        }
    }

    private static func decodeTargets(of rule: inout Xray_App_Router_RoutingRule, from object: ObjectReader) throws {
        let domain = object["domain"]
        rule.domain = try (object["domains"] ?? domain)?.domainRules() ?? []
        rule.ip = try object["ip"]?.ipRules() ?? []
        if let port = object["port"] { rule.portList = try port.portList() }
        rule.networks = try object["network"]?.networks() ?? []
        rule.protocol = try object.strings("protocol")
        rule.attributes = try object.textMap("attrs")
    }

    private static func decodeSources(of rule: inout Xray_App_Router_RoutingRule, from object: ObjectReader) throws {
        let source = object["source"]
        rule.sourceIp = try (object["sourceIP"] ?? source)?.ipRules() ?? []
        if let port = object["sourcePort"] { rule.sourcePortList = try port.portList() }
        rule.localIp = try object["localIP"]?.ipRules() ?? []
        if let port = object["localPort"] { rule.localPortList = try port.portList() }
        if let route = object["vlessRoute"] { rule.vlessRouteList = try route.portList() }
        rule.userEmail = try object.strings("user")
        rule.inboundTag = try object.strings("inboundTag")
        rule.process = try object.strings("process")
        rule.localOs = try object.strings("localOS")
    }

    private static func webhook(_ node: ConfigNode) throws -> Xray_App_Router_WebhookConfig? {
        try node.object { object in
            var webhook = Xray_App_Router_WebhookConfig()
            webhook.url = try object.string("url")
            webhook.deduplication = try object.integer("deduplication")
            webhook.headers = try object.textMap("headers")
            return webhook.url.isEmpty ? nil : webhook
        }
    }

    /// Whether anything but the webhook is asked of a connection; a rule without conditions is refused.
    private static func hasCondition(_ rule: Xray_App_Router_RoutingRule) -> Bool {
        rule.hasPortList || rule.hasSourcePortList || rule.hasLocalPortList || rule.hasVlessRouteList
            || !rule.networks.isEmpty || !rule.attributes.isEmpty || !rule.domain.isEmpty || !rule.ip.isEmpty
            || !rule.sourceIp.isEmpty || !rule.localIp.isEmpty || !rule.protocol.isEmpty || !rule.userEmail.isEmpty
            || !rule.inboundTag.isEmpty || !rule.process.isEmpty || !rule.localOs.isEmpty
    }
}
