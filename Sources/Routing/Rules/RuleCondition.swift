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

/// One condition of a rule. Called on event loops: it neither blocks nor waits.
protocol RuleCondition: Sendable {
    func test(_ context: RoutingContext, _ subject: borrowing MatchSubject) -> Verdict
}

/// What is worked out once per decision, for all rules.
struct MatchSubject: ~Copyable {
    /// The target's domain in lower case, as UTF-8; empty when there is none.
    let domain: [UInt8]
    /// The target's addresses; nil while they would have to be looked up.
    let addresses: [IPAddress]?

    static func lowercased(_ text: String) -> [UInt8] {
        var bytes = Array(text.utf8)
        var isASCII = true
        for index in bytes.indices {
            let byte = bytes[index]
            if byte &- 0x41 < 26 { bytes[index] = byte | 0x20 }
            isASCII = isASCII && byte < 0x80
        }
        return isASCII ? bytes : Array(text.lowercased().utf8)
    }
}
