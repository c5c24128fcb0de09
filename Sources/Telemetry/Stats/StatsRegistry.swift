// SPDX-License-Identifier: Apache-2.0
package import ProxyModel

/// All counters and online maps of a core by name. They are made on first use and never removed.
///
/// ``find(_:)`` and ``findOnline(_:)`` take no lock. ``query(pattern:reset:)`` searches without one, so that neither
/// additions nor look-ups nor the making of counters waits for it.
package final class StatsRegistry: Sendable {
    private let counters = NamedTable<Counter>()
    private let watches: CounterWatches
    private let index: NameIndex
    private let online = NamedTable<OnlineMap>()

    package init() {
        watches = CounterWatches()
        index = NameIndex(watches: watches)
    }

    deinit { watches.removeAll() }

    /// The counter called `name`, made if there is none.
    package func counter(_ name: String) -> Counter {
        var isNew = false
        let counter = counters.findOrAdd(name) { name, hash in
            isNew = true
            return index.add(name, hash: hash)
        }
        if isNew { watches.made(counter) }
        return counter
    }

    package func find(_ name: String) -> Counter? { counters.find(name) }

    /// The counters whose names contain `pattern` (all for an empty one), oldest first; with `reset` each is set to zero as it
    /// is read. Names are compared by their UTF-8 bytes.
    package func query(pattern: String, reset: Bool) -> [CounterReading] {
        index.matches(pattern).map { CounterReading(name: $0.name, value: reset ? $0.reset() : $0.value) }
    }

    /// All that was ever added to the counters whose names contain `pattern`, whoever has reset them.
    package func totals(pattern: String) -> [CounterReading] {
        index.matches(pattern).map { CounterReading(name: $0.name, value: $0.total) }
    }

    /// Calls `body` once for each time that a counter reaches the threshold, on the thread that counts and before it goes on;
    /// see ``CounterPattern`` for what is watched. Counters that are there already and have reached it are told before
    /// this returns. The result is for ``removeWatch(_:)``. With `ofTotals` all that a counter ever counted is compared, so that
    /// resets make no difference.
    ///
    /// - Complexity: One look-up for a pattern without `*` before the last part, else a search through all names. A counter
    ///   that is made later costs a look-up for each length of what stands before the first `*` of some pattern.
    @discardableResult
    package func watch(
        _ pattern: CounterPattern, threshold: Int64, ofTotals: Bool = false,
        _ body: @escaping @Sendable (CounterCrossing) -> Void
    ) -> UInt64 {
        let id = watches.add(pattern, threshold: threshold, ofTotals: ofTotals, body)
        let candidates =
            if let names = pattern.names { names.compactMap { find($0) } } else { index.matches(pattern.longestText) }
        watches.attach(candidates, to: id)
        return id
    }

    package func removeWatch(_ id: UInt64) { watches.remove(id) }

    /// The online map called `name`, made if there is none.
    package func onlineMap(_ name: String) -> OnlineMap {
        online.findOrAdd(name) { name, hash in OnlineMap(name: name, nameHash: hash) }
    }

    package func findOnline(_ name: String) -> OnlineMap? { online.find(name) }

    /// The online maps that hold at least one address, oldest first.
    package func onlineMaps() -> [OnlineMap] { online.entries.filter { $0.count > 0 } }
}
