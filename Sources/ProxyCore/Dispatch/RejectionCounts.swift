// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// How many handshakes each inbound refused, by reason. Reasons are a protocol's fixed words, so the table stays small.
final class RejectionCounts: Sendable {
    struct Key: Hashable, Sendable {
        var inbound: String
        var reason: String
    }

    private let counts = Mutex<[Key: Int]>([:])

    func count(inbound: String, reason: String) {
        counts.withLock { $0[Key(inbound: inbound, reason: reason), default: 0] += 1 }
    }

    var all: [Key: Int] { counts.withLock { $0 } }
}
