// SPDX-License-Identifier: Apache-2.0
import ProxyModel

/// The target's domain is one of these. Each set costs a probe per label and a pass over the domain, whatever the set's
/// size, and one pass more for each of its regular expressions.
final class DomainCondition: RuleCondition {
    /// The patterns of the rule itself, and the lists from files, which rules share.
    let sets: [DomainSet]

    init(sets: [DomainSet]) {
        self.sets = sets
    }

    func test(_ context: RoutingContext, _ subject: borrowing MatchSubject) -> Verdict {
        guard let domain = subject.domain else { return .fails }
        return Verdict(matches(domain))
    }

    func matches(_ domain: DomainName) -> Bool {
        for set in sets where set.matches(domain) { return true }
        return false
    }
}
