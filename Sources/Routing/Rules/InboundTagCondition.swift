// SPDX-License-Identifier: Apache-2.0
import ProxyModel

/// The connection came in through one of these inbounds.
struct InboundTagCondition: RuleCondition {
    private let tags: Set<String>

    init(_ tags: [String]) {
        self.tags = Set(tags.filter { !$0.isEmpty })
    }

    func test(_ context: RoutingContext, _ subject: borrowing MatchSubject) -> Verdict {
        Verdict(tags.contains(context.inboundTag))
    }
}
