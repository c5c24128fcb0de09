// SPDX-License-Identifier: Apache-2.0

/// What the rules say about a connection.
package enum RoutePick: Sendable, Equatable {
    /// No rule holds: the default outbound is to be used.
    case none
    /// A rule names a balancer that has nothing to offer and no fallback: the default outbound is to be used, and later
    /// rules are not looked at.
    case exhausted(balancerTag: String, ruleTag: String)
    /// A rule names an outbound. Whether one with that tag exists is for the caller to find out.
    case outbound(tag: String, ruleTag: String)
    /// A rule names a balancer, which picked `tag`.
    case balanced(balancerTag: String, tag: String, ruleTag: String)
    /// A rule tests the target's addresses and only this domain is known: resolve it and ask again with the result.
    case needsResolution(String)
}
