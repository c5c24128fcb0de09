// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// A named 64-bit counter; every operation is one atomic instruction and may be called from any thread. Only a counter that
/// reaches a threshold which somebody watches costs more, and that once.
package final class Counter: NamedEntry {
    package let name: String
    let nameHash: UInt64
    /// The counter that was made before this one under the same stem (see ``NameIndex``).
    let sibling: Counter?
    /// Which suffix of the index this counter's name ends with.
    let suffix: UInt8
    /// Where thresholds are kept; nil for a counter that stands in no registry.
    private let watches: CounterWatches?
    private let count = Atomic<Int64>(0)
    /// What resets have taken away.
    private let taken = Atomic<Int64>(0)
    /// From this value on ``watches`` has to look; written by it alone.
    let limit = Atomic<Int64>(.max)

    init(name: String, nameHash: UInt64, suffix: UInt8, sibling: Counter?, watches: CounterWatches? = nil) {
        self.watches = watches
        self.name = name
        self.nameHash = nameHash
        self.suffix = suffix
        self.sibling = sibling
    }

    /// A counter that stands in no registry.
    package convenience init(name: String) {
        self.init(name: name, nameHash: 0, suffix: 0, sibling: nil)
    }

    package func add(_ amount: Int) {
        // Acquiring, so that an addition after ``settledValue`` was read sees the limit that was set before.
        let value = count.wrappingAdd(Int64(amount), ordering: .acquiring).newValue
        if value >= limit.load(ordering: .relaxed) { watches?.reached(self) }
    }

    package var value: Int64 { count.load(ordering: .relaxed) }

    /// Sets the counter to zero and returns what it held; no addition is lost in between.
    package func reset() -> Int64 {
        if let watches, watches.isInUse { return watches.reset(self) }
        return exchangeZero()
    }

    func exchangeZero() -> Int64 {
        let value = count.exchange(0, ordering: .relaxed)
        taken.wrappingAdd(value, ordering: .relaxed)
        return value
    }

    /// All that was ever added, whoever has reset the counter. While a reset is under way it may lack what that takes.
    package var total: Int64 { taken.load(ordering: .relaxed) &+ value }

    /// The value, read so that every addition either is in it or sees the limit that was stored before.
    var settledValue: Int64 { count.wrappingAdd(0, ordering: .acquiringAndReleasing).newValue }
}

/// What a counter held when it was read.
package struct CounterReading: Sendable, Equatable {
    package var name: String
    package var value: Int64

    package init(name: String, value: Int64) {
        self.name = name
        self.value = value
    }
}
