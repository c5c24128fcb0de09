// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Synchronization

/// Routing decisions as they are made, for those who asked to see them. Costs one atomic load while nobody does.
final class RoutingFeed: Sendable {
    struct Decision: Sendable {
        var context: RoutingContext
        var outboundTag: String
    }

    /// A reader that does not keep up loses the oldest decisions beyond this many.
    static let buffer = 1024

    private let readers = Mutex<[UInt64: AsyncStream<Decision>.Continuation]>([:])
    private let readerCount = Atomic<Int>(0)
    private let nextReader = Atomic<UInt64>(0)

    var hasReaders: Bool { readerCount.load(ordering: .relaxed) > 0 }

    func publish(_ context: RoutingContext, outboundTag: String) {
        let decision = Decision(context: context, outboundTag: outboundTag)
        let current = readers.withLock { Array($0.values) }
        for reader in current { reader.yield(decision) }
    }

    func subscribe() -> AsyncStream<Decision> {
        let id = nextReader.add(1, ordering: .relaxed).newValue
        let (stream, continuation) = AsyncStream.makeStream(
            of: Decision.self, bufferingPolicy: .bufferingNewest(Self.buffer))
        continuation.onTermination = { [weak self] _ in self?.leave(id) }
        readers.withLock { $0[id] = continuation }
        readerCount.add(1, ordering: .relaxed)
        return stream
    }

    func close() {
        for reader in readers.withLock({ Array($0.values) }) { reader.finish() }
    }

    private func leave(_ id: UInt64) {
        let left = readers.withLock { $0.removeValue(forKey: id) != nil }
        if left { readerCount.subtract(1, ordering: .relaxed) }
    }
}
