// SPDX-License-Identifier: Apache-2.0
import ProxyModel

/// The connection came in through one of these inbounds.
final class InboundTagCondition: RuleCondition {
    private let tags: NameSet

    init(_ tags: [String]) {
        self.tags = NameSet(tags.lazy.filter { !$0.isEmpty })
    }

    func test(_ context: RoutingContext, _ subject: borrowing MatchSubject) -> Verdict {
        Verdict(tags.contains(context.inboundTag))
    }
}
