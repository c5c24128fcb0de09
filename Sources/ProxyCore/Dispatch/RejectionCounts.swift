// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// How many handshakes each inbound refused, by reason. Reasons are a protocol's fixed words, so the table stays small.
final class RejectionCounts: Sendable {
    private struct Key: Hashable, Sendable {
        var inbound: String
        var reason: String
    }

    private let counts = Mutex<[Key: Int]>([:])

    func count(inbound: String, reason: String) {
        counts.withLock { $0[Key(inbound: inbound, reason: reason), default: 0] += 1 }
    }

    var all: [RejectedHandshakes] {
        counts.withLock { $0 }.map { RejectedHandshakes(inbound: $0.inbound, reason: $0.reason, count: $1) }
    }
}

/// How many handshakes an inbound refused for one reason.
package struct RejectedHandshakes: Sendable, Equatable {
    package let inbound: String
    /// The protocol's words, as in the log: `unknown user`, `replayed request`, `wrong time` …
    package let reason: String
    package let count: Int
}
