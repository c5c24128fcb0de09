// SPDX-License-Identifier: Apache-2.0
import Telemetry

/// How many handshakes an inbound refused for one reason: a counter with a name such as `rejected>>>TAG>>>unknown user`, which is
/// not among those that clients ask for by `inbound>>>TAG`. Reasons are a protocol's fixed words, so that there are few.
package struct RejectedHandshakes: Sendable, Equatable {
    private static let prefix = "rejected>>>"

    package let inbound: String
    /// The protocol's words, as in the log: `unknown user`, `replayed request`, `wrong time` …
    package let reason: String
    package let count: Int

    /// Nil for another counter.
    init?(_ reading: CounterReading) {
        let parts = reading.name.split(separator: ">>>", omittingEmptySubsequences: false)
        guard reading.name.hasPrefix(Self.prefix), parts.count >= 3, let reason = parts.last else { return nil }
        // A tag may hold what separates.
        inbound = parts[1..<(parts.count - 1)].joined(separator: ">>>")
        self.reason = String(reason)
        count = Int(reading.value)
    }

    static func counter(_ reason: String, of inbound: String, in stats: StatsRegistry) -> Counter {
        stats.counter("\(prefix)\(inbound)>>>\(reason)")
    }

    static func all(in stats: StatsRegistry) -> [RejectedHandshakes] {
        stats.query(pattern: prefix, reset: false).compactMap { RejectedHandshakes($0) }
    }
}
