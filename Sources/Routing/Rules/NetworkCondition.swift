// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import XrayProtos

/// The connection's network is one of these; an unknown network holds only where a rule names it as such.
struct NetworkCondition: RuleCondition {
    private let numbers: Set<Int>

    init(_ networks: [Xray_Common_Net_Network]) {
        numbers = Set(networks.map(\.rawValue))
    }

    func test(_ context: RoutingContext, _ subject: borrowing MatchSubject) -> Verdict {
        Verdict(numbers.contains(context.network.rawValue))
    }
}
