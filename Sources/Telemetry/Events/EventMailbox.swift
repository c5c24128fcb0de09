// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Synchronization

/// The events that one reader has not taken yet: a bounded queue that gives up its oldest entries and remembers how many.
final class EventMailbox: Sendable {
    private struct State {
        private var queue: [CoreEvent] = []
        /// Where the oldest event stands; what is before it is taken and goes with the next ``compact()``.
        private var head = 0
        var dropped = 0
        var isFinished = false
        var waiting: CheckedContinuation<EventDelivery?, Never>?

        mutating func append(_ event: CoreEvent, capacity: Int) {
            if queue.count - head >= capacity {
                head += 1
                dropped += 1
                compact()
            }
            queue.append(event)
        }

        mutating func takeOldest() -> CoreEvent? {
            guard head < queue.count else { return nil }
            defer {
                head += 1
                compact()
            }
            return queue[head]
        }

        private mutating func compact() {
            guard head * 2 >= queue.count else { return }
            queue.removeFirst(head)
            head = 0
        }
    }

    /// A reader to be resumed once no lock is held.
    struct WakeUp: Sendable {
        fileprivate let continuation: CheckedContinuation<EventDelivery?, Never>
        fileprivate let delivery: EventDelivery?

        func run() { continuation.resume(returning: delivery) }
    }

    private let capacity: Int
    private let state = Mutex(State())

    init(capacity: Int) { self.capacity = capacity }

    func put(_ event: CoreEvent) -> WakeUp? {
        state.withLock { state in
            guard !state.isFinished else { return nil }
            if let waiting = state.waiting {
                state.waiting = nil
                return WakeUp(continuation: waiting, delivery: .event(event))
            }
            state.append(event, capacity: capacity)
            return nil
        }
    }

    /// The next delivery; nil once finished and read out. One caller at a time.
    func next() async -> EventDelivery? {
        await withCheckedContinuation { continuation in
            let wakeUp = state.withLock { state -> WakeUp? in
                if state.dropped > 0 {
                    defer { state.dropped = 0 }
                    return WakeUp(continuation: continuation, delivery: .dropped(state.dropped))
                }
                if let event = state.takeOldest() {
                    return WakeUp(continuation: continuation, delivery: .event(event))
                }
                if state.isFinished || state.waiting != nil {
                    return WakeUp(continuation: continuation, delivery: nil)
                }
                state.waiting = continuation
                return nil
            }
            wakeUp?.run()
        }
    }

    func finish() {
        let waiting = state.withLock { state in
            state.isFinished = true
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume(returning: nil)
    }
}
