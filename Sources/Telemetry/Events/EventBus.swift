// SPDX-License-Identifier: Apache-2.0
package import ProxyModel
import Synchronization

/// Numbers the core's events and hands them to whoever reads. Publishing never waits for a reader.
package final class EventBus: Sendable {
    private struct State {
        var sequence: UInt64 = 0
        var nextReader: UInt64 = 0
        var readers: [UInt64: EventMailbox] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())
    private let readerCount = Atomic<Int>(0)

    package init() {}

    /// Whether anybody reads; one atomic load, so that events of flows are not even built for nobody.
    package var hasSubscribers: Bool { readerCount.load(ordering: .relaxed) > 0 }

    package func publish(_ kind: CoreEvent.Kind) {
        let wakeUps = state.withLock { state -> [EventMailbox.WakeUp] in
            state.sequence += 1
            let event = CoreEvent(sequence: state.sequence, kind: kind)
            return state.readers.values.compactMap { $0.put(event) }
        }
        for wakeUp in wakeUps { wakeUp.run() }
    }

    /// Events from now on. A reader that falls more than `buffer` (at least 1) events behind loses the oldest ones and is
    /// told how many before the next one. Reading ends when the task is cancelled, when the stream is released, or with
    /// ``close()``. The stream is for one reader.
    package func subscribe(buffer: Int) -> AsyncStream<EventDelivery> {
        let mailbox = EventMailbox(capacity: max(1, buffer))
        let id = state.withLock { state -> UInt64? in
            guard !state.isClosed else { return nil }
            state.nextReader += 1
            state.readers[state.nextReader] = mailbox
            readerCount.store(state.readers.count, ordering: .relaxed)
            return state.nextReader
        }
        guard let id else { return AsyncStream { $0.finish() } }
        let reader = Reader(bus: self, id: id, mailbox: mailbox)
        return AsyncStream(unfolding: { await reader.mailbox.next() }, onCancel: { reader.leave() })
    }

    /// Ends all streams and refuses new ones.
    package func close() {
        let readers = state.withLock { state in
            state.isClosed = true
            let readers = state.readers
            state.readers = [:]
            readerCount.store(0, ordering: .relaxed)
            return readers
        }
        for mailbox in readers.values { mailbox.finish() }
    }

    private func remove(_ id: UInt64) {
        state.withLock { state in
            state.readers[id] = nil
            readerCount.store(state.readers.count, ordering: .relaxed)
        }
    }

    /// Held by the stream alone: when it is released, the reader leaves the bus.
    private final class Reader: Sendable {
        let mailbox: EventMailbox
        private let bus: EventBus
        private let id: UInt64

        init(bus: EventBus, id: UInt64, mailbox: EventMailbox) {
            self.bus = bus
            self.id = id
            self.mailbox = mailbox
        }

        func leave() {
            bus.remove(id)
            mailbox.finish()
        }

        deinit { leave() }
    }
}
