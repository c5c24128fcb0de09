// SPDX-License-Identifier: Apache-2.0

/// All counters and online maps of a core by name. They are made on first use and never removed.
///
/// ``find(_:)`` and ``findOnline(_:)`` take no lock. ``query(pattern:reset:)`` searches without one, so that neither
/// additions nor look-ups nor the making of counters waits for it.
package final class StatsRegistry: Sendable {
    private let counters = NamedTable<Counter>()
    private let index = NameIndex()
    private let online = NamedTable<OnlineMap>()

    package init() {}

    /// The counter called `name`, made if there is none.
    package func counter(_ name: String) -> Counter {
        counters.findOrAdd(name) { name, hash in index.add(name, hash: hash) }
    }

    package func find(_ name: String) -> Counter? { counters.find(name) }

    /// The counters whose names contain `pattern` (all for an empty one), oldest first; with `reset` each is set to zero as it
    /// is read. Names are compared by their UTF-8 bytes.
    package func query(pattern: String, reset: Bool) -> [CounterReading] {
        index.matches(pattern).map { CounterReading(name: $0.name, value: reset ? $0.reset() : $0.value) }
    }

    /// The online map called `name`, made if there is none.
    package func onlineMap(_ name: String) -> OnlineMap {
        online.findOrAdd(name) { name, hash in OnlineMap(name: name, nameHash: hash) }
    }

    package func findOnline(_ name: String) -> OnlineMap? { online.find(name) }

    /// The online maps that hold at least one address, oldest first.
    package func onlineMaps() -> [OnlineMap] { online.entries.filter { $0.count > 0 } }
}
