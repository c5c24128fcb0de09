// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// One element of `routing.balancers`.
enum BalancerSection {
    static func decode(_ node: ConfigNode) throws -> Xray_App_Router_BalancingRule {
        try node.object { object in
            var rule = Xray_App_Router_BalancingRule()
            rule.tag = try object.string("tag")
            guard !rule.tag.isEmpty else { throw node.error("a balancer needs a tag") }
            rule.outboundSelector = try object.strings("selector")
            guard !rule.outboundSelector.isEmpty else { throw node.error("a balancer needs a selector") }
            rule.fallbackTag = try object.string("fallbackTag")
            rule.strategy = "random"
            if let strategy = object["strategy"] { try decode(strategy: strategy, into: &rule) }
            return rule
        }
    }

    private static func decode(strategy node: ConfigNode, into rule: inout Xray_App_Router_BalancingRule) throws {
        try node.object { object in
            let type = object["type"]
            let settings = object["settings"]
            rule.strategy = try type?.string().lowercased() ?? ""
            switch rule.strategy {
            case "":
                rule.strategy = "random"
            case "random", "roundrobin", "leastping":
                break
            case "leastload":
                let config = try settings.map { try leastLoad($0) } ?? Xray_App_Router_StrategyLeastLoadConfig()
                rule.strategySettings = try node.pack(config)
            default:
                throw (type ?? node).error(
                    "unknown balancing strategy (known: random, roundRobin, leastPing, leastLoad): \(rule.strategy.quoted)"
                )
            }
        }
    }

    private static func leastLoad(_ node: ConfigNode) throws -> Xray_App_Router_StrategyLeastLoadConfig {
        try node.object { object in
            var config = Xray_App_Router_StrategyLeastLoadConfig()
            config.costs = try object["costs"]?.elements().map { try weight($0) } ?? []
            config.baselines = try object["baselines"]?.elements().map { try $0.duration() }.filter { $0 > 0 } ?? []
            config.expected = try max(0, object.integer("expected"))
            config.maxRtt = try max(0, object["maxRTT"]?.duration() ?? 0)
            config.tolerance = Float(min(max(try object["tolerance"]?.double() ?? 0, 0), 1))
            return config
        }
    }

    private static func weight(_ node: ConfigNode) throws -> Xray_App_Router_StrategyWeight {
        try node.object { object in
            var weight = Xray_App_Router_StrategyWeight()
            weight.regexp = try object.bool("regexp")
            weight.match = try object.string("match")
            weight.value = Float(try object["value"]?.double() ?? 0)
            return weight
        }
    }
}
