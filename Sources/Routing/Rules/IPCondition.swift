// SPDX-License-Identifier: Apache-2.0
import ProxyModel

/// One of the target's, source's or local addresses is as the rule wants it.
///
/// The entries form up to four groups, by where they come from (written out, or a file of geographic data) and by whether
/// they are negated. An address satisfies the condition when any group accepts it: a plain group what it contains, a negated
/// one what it does not contain, but only in a family of which it has entries.
final class IPCondition: RuleCondition {
    enum Field: Sendable {
        case target, source, local
    }

    struct Group: Sendable {
        /// Their union is the group; never empty in a condition.
        let sets: [IPSet]
        let isNegated: Bool

        func accepts(_ ip: IPAddress) -> Bool {
            guard isNegated else { return sets.contains { $0.contains(ip) } }
            return sets.contains { $0.hasFamily(of: ip) } && !sets.contains { $0.contains(ip) }
        }
    }

    private let field: Field
    private let groups: [Group]

    init(field: Field, groups: [Group]) {
        self.field = field
        self.groups = groups
    }

    func test(_ context: RoutingContext, _ subject: borrowing MatchSubject) -> Verdict {
        let addresses: [IPAddress]
        switch field {
        case .source:
            addresses = context.sourceIPs
        case .local:
            addresses = context.localIPs
        case .target:
            guard let targets = subject.addresses else { return .needsAddresses }
            addresses = targets
        }
        for ip in addresses where accepts(ip) { return .holds }
        return .fails
    }

    func accepts(_ ip: IPAddress) -> Bool {
        for group in groups where group.accepts(ip) { return true }
        return false
    }
}
