// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// The `routing` object.
enum RoutingSection {
    static func decode(_ node: ConfigNode) throws -> Xray_App_Router_Config {
        try node.object { object in
            var config = Xray_App_Router_Config()
            config.domainStrategy =
                switch try object.string("domainStrategy").lowercased() {
                case "ipifnonmatch": .ipIfNonMatch
                case "ipondemand": .ipOnDemand
                default: .asIs
                }
            config.rule = try object["rules"]?.elements().map { try RoutingRuleSection.decode($0) } ?? []
            config.balancingRule = try object["balancers"]?.elements().map { try BalancerSection.decode($0) } ?? []
            object.ignore("domainMatcher", "settings")
            return config
        }
    }
}
