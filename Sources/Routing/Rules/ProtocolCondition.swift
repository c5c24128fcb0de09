// SPDX-License-Identifier: Apache-2.0
import ProxyModel

/// The name of the sniffed protocol begins with one of these: `http` stands for `http1` and `http2`.
final class ProtocolCondition: RuleCondition {
    private let prefixes: [String]

    init(_ prefixes: [String]) {
        self.prefixes = prefixes.filter { !$0.isEmpty }
    }

    func test(_ context: RoutingContext, _ subject: borrowing MatchSubject) -> Verdict {
        let name = context.sniffedProtocol.utf8
        return Verdict(prefixes.contains { name.starts(with: $0.utf8) })
    }
}
