// SPDX-License-Identifier: Apache-2.0
package import ProxyModel
package import XrayProtos

/// Domains that a setting outside of the rules names, in the rules' own language.
package final class DomainMatcher: Sendable {
    private let condition: DomainCondition

    /// Nil when nothing is named. Reads geographic data where the rules ask for them.
    package init?(_ rules: [Xray_Common_Geodata_DomainRule], assets: AssetDirectory) throws(RoutingError) {
        guard !rules.isEmpty else { return nil }
        condition = try RuleCompiler(assets: assets).condition(rules)
    }

    package func matches(_ domain: String) -> Bool { condition.matches(DomainName(domain)) }
}

/// Addresses that a setting outside of the rules names, in the rules' own language.
package final class AddressMatcher: Sendable {
    private let condition: IPCondition

    /// Nil when nothing is named. Reads geographic data where the rules ask for them.
    package init?(_ rules: [Xray_Common_Geodata_IPRule], assets: AssetDirectory) throws(RoutingError) {
        guard !rules.isEmpty else { return nil }
        condition = try RuleCompiler(assets: assets).condition(on: .target, rules)
    }

    package func matches(_ ip: IPAddress) -> Bool { condition.accepts(ip) }
}
