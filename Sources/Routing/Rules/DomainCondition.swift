// SPDX-License-Identifier: Apache-2.0
import ProxyModel

/// The target's domain is one of these. Each set costs one or two passes over the domain, whatever the set's size, and one
/// for each of its regular expressions.
struct DomainCondition: RuleCondition {
    /// The patterns of the rule itself, and the lists from files, which rules share.
    let sets: [DomainSet]

    func test(_ context: RoutingContext, _ subject: borrowing MatchSubject) -> Verdict {
        guard !subject.domain.isEmpty else { return .fails }
        for set in sets where set.matches(subject.domain) { return .holds }
        return .fails
    }
}
