// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import XrayProtos

/// The connection's network is one of these; an unknown network holds only where a rule names it as such.
final class NetworkCondition: RuleCondition {
    /// Bit n stands for the network that is numbered n on the wire.
    private let bits: UInt64

    init(_ networks: [Xray_Common_Net_Network]) {
        bits = networks.lazy.map(\.rawValue).filter { (0..<64).contains($0) }.reduce(0) { $0 | 1 << UInt64($1) }
    }

    func test(_ context: RoutingContext, _ subject: borrowing MatchSubject) -> Verdict {
        Verdict(bits >> UInt64(context.network.rawValue) & 1 == 1)
    }
}
