// SPDX-License-Identifier: Apache-2.0
import ProxyModel

/// Whether a condition holds.
enum Verdict: Sendable {
    case holds
    case fails
    /// That depends on the addresses of the target's domain, which were not looked up yet.
    case needsAddresses

    init(_ holds: Bool) {
        self = holds ? .holds : .fails
    }
}

/// One condition of a rule; a class, so that walking through rules copies nothing but references. Called on event loops: it neither blocks nor waits.
protocol RuleCondition: AnyObject, Sendable {
    func test(_ context: RoutingContext, _ subject: borrowing MatchSubject) -> Verdict
}

/// What is worked out once per decision, for all rules.
struct MatchSubject: ~Copyable {
    /// The target's domain; nil when there is none.
    let domain: DomainName?
    /// The target's addresses; nil while they would have to be looked up.
    let addresses: [IPAddress]?
}
