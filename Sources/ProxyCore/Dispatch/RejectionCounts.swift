// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Synchronization

/// How many handshakes each inbound refused, by reason. Reasons are a protocol's fixed words, so the table stays small.
final class RejectionCounts: Sendable {
    private struct Key: Hashable, Sendable {
        var inbound: String
        var reason: String
    }

    /// What the log has not told yet.
    private struct Untold {
        var count = 0
        var next = NIODeadline.uptimeNanoseconds(0)
    }

    private static let pauseBetweenLines = TimeAmount.seconds(1)

    private let counts = Mutex<[Key: Int]>([:])
    private let untold = Mutex<[Key: Untold]>([:])

    func count(inbound: String, reason: String) {
        counts.withLock { $0[Key(inbound: inbound, reason: reason), default: 0] += 1 }
    }

    /// Counts one of possibly very many.
    /// - Returns: How many more there were since the log told of them; nil while it is not to tell.
    func countDatagram(inbound: String, reason: String, now: NIODeadline) -> Int? {
        count(inbound: inbound, reason: reason)
        return untold.withLock { untold in
            var entry = untold[Key(inbound: inbound, reason: reason)] ?? Untold()
            defer { untold[Key(inbound: inbound, reason: reason)] = entry }
            guard now >= entry.next else {
                entry.count += 1
                return nil
            }
            defer { entry = Untold(next: now + Self.pauseBetweenLines) }
            return entry.count
        }
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
