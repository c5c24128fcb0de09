// SPDX-License-Identifier: Apache-2.0
package import ProxyModel
import Synchronization

/// Numbers the core's events and hands them to whoever reads. Publishing never waits for a reader.
package final class EventBus: Sendable {
    private struct State {
        var sequence: UInt64 = 0
        var nextReader: UInt64 = 0
        var readers: [UInt64: EventMailbox] = [:]
        var observers: [UInt64: (topics: CoreEvent.Topics, body: Observer)] = [:]
        var isClosed = false

        /// What anybody wants.
        var wanted: CoreEvent.Topics {
            readers.isEmpty ? observers.values.reduce(into: []) { $0.formUnion($1.topics) } : .all
        }
    }

    package typealias Observer = @Sendable (CoreEvent) -> Void

    private let state = Mutex(State())
    private let wanted = Atomic<UInt32>(0)

    package init() {}

    /// Whether anybody wants events of these topics; one atomic load, so that events of flows are not even built for nobody.
    package func wants(_ topics: CoreEvent.Topics) -> Bool {
        wanted.load(ordering: .relaxed) & topics.rawValue != 0
    }

    /// Whether anybody wants anything.
    package var hasSubscribers: Bool { wanted.load(ordering: .relaxed) != 0 }

    package func publish(_ kind: CoreEvent.Kind) {
        let wakeUps = state.withLock { state -> [EventMailbox.WakeUp] in
            state.sequence += 1
            let event = CoreEvent(sequence: state.sequence, kind: kind)
            let topic = kind.topic
            // Under the lock, so that each observer sees the events in their order.
            for observer in state.observers.values where observer.topics.contains(topic) { observer.body(event) }
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
            wanted.store(state.wanted.rawValue, ordering: .relaxed)
            return state.nextReader
        }
        guard let id else { return AsyncStream { $0.finish() } }
        let reader = Reader(bus: self, id: id, mailbox: mailbox)
        return AsyncStream(unfolding: { await reader.mailbox.next() }, onCancel: { reader.leave() })
    }

    /// Calls `body` with each event of the topics from now on, in their order, on the publisher's thread and under the bus's
    /// lock: it must return at once and must neither publish nor write to the core's log. The result is for
    /// ``removeObserver(_:)``.
    package func observe(_ topics: CoreEvent.Topics, _ body: @escaping Observer) -> UInt64 {
        state.withLock { state in
            state.nextReader += 1
            if !state.isClosed { state.observers[state.nextReader] = (topics, body) }
            wanted.store(state.wanted.rawValue, ordering: .relaxed)
            return state.nextReader
        }
    }

    package func removeObserver(_ id: UInt64) {
        // What the observer holds is let go when the lock is free.
        let removed = state.withLock { state in
            let removed = state.observers.removeValue(forKey: id)
            wanted.store(state.wanted.rawValue, ordering: .relaxed)
            return removed
        }
        withExtendedLifetime(removed) {}
    }

    /// Ends all streams and refuses new ones.
    package func close() {
        let readers = state.withLock { state in
            state.isClosed = true
            let readers = state.readers
            state.readers = [:]
            state.observers = [:]
            wanted.store(0, ordering: .relaxed)
            return readers
        }
        for mailbox in readers.values { mailbox.finish() }
    }

    private func remove(_ id: UInt64) {
        state.withLock { state in
            state.readers[id] = nil
            wanted.store(state.wanted.rawValue, ordering: .relaxed)
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
