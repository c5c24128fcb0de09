// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Synchronization
import Telemetry

/// Counts the handshakes and datagrams that inbounds refuse, by reason (see ``RejectedHandshakes``).
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

    private let stats: StatsRegistry?
    private let untold = Mutex<[Key: Untold]>([:])

    /// - Parameter stats: Where the counters are made; nil = nothing is counted.
    init(stats: StatsRegistry?) { self.stats = stats }

    func count(inbound: String, reason: String) {
        guard let stats, !inbound.isEmpty else { return }
        RejectedHandshakes.counter(reason, of: inbound, in: stats).add(1)
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
}
