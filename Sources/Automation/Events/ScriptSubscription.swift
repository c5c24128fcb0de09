// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import LuaRuntime
import Synchronization

/// One `on` or `stats.watch` of a script: events wait in a bounded queue, and the function is called with one after the other.
final class ScriptSubscription: Sendable {
    struct Options: Sendable {
        var name: String?
        /// How many events may wait; beyond that the oldest is dropped.
        var buffer = ScriptSubscription.usualBuffer
    }

    /// Where the events come from.
    enum Source: Sendable {
        case events(EventFilter)
        /// Of all that the counters ever counted, or of their values.
        case counters(pattern: String, threshold: Int64, ofTotals: Bool)
    }

    private struct State {
        var queue: [ScriptEvent] = []
        var head = 0
        /// Since the last one was taken.
        var dropped = 0
        var isBusy = false
        var isCancelled = false
        var source: (any ControlSubscription)?
        var failuresInARow = 0
        var status: ScheduleStatus
    }

    static let usualBuffer = 1000
    static let largestBuffer = 100_000

    private static let lastNumber = Atomic<UInt64>(0)

    /// In the order in which they were made.
    let number = ScriptSubscription.lastNumber.wrappingAdd(1, ordering: .relaxed).newValue
    let name: String
    let source: Source
    let function: LuaFunctionRef
    private let capacity: Int
    private let state: Mutex<State>

    init(source: Source, options: Options, function: LuaFunctionRef) {
        let text =
            switch source {
            case .events(let filter): "on \(filter.pattern)"
            case .counters(let pattern, let threshold, _): "watch \(pattern) \(ByteSize.text(threshold))"
            }
        name = options.name ?? text
        self.source = source
        self.function = function
        capacity = options.buffer
        let overlap = OverlapPolicy.queue(options.buffer)
        state = Mutex(State(status: ScheduleStatus(name: name, trigger: text, overlap: overlap.description)))
    }

    /// Called where the event is raised, under the event bus's lock. Whether a run must be started.
    func deliver(_ event: ScriptEvent) -> Bool {
        if case .events(let filter) = source, !filter.matches(event) { return false }
        return state.withLock { state in
            guard !state.isCancelled else { return false }
            if state.queue.count - state.head >= capacity {
                state.head += 1
                state.dropped += 1
                state.status.skipped += 1
            }
            state.queue.append(event)
            if state.head > 1000, state.head * 2 > state.queue.count {
                state.queue.removeFirst(state.head)
                state.head = 0
            }
            defer { state.isBusy = true }
            return !state.isBusy
        }
    }

    /// The next event and how many were dropped before it; nil ends the row.
    func take() -> (event: ScriptEvent, dropped: Int)? {
        state.withLock { state in
            guard !state.isCancelled, state.head < state.queue.count else {
                state.isBusy = false
                state.queue = []
                state.head = 0
                return nil
            }
            defer {
                state.head += 1
                state.dropped = 0
            }
            return (state.queue[state.head], state.dropped)
        }
    }

    /// How often the same failure has come in a row.
    func ended(_ record: RunRecord) -> Int {
        state.withLock { state in
            state.failuresInARow =
                record.outcome == .ok
                ? 0 : state.status.lastRun?.error == record.error ? state.failuresInARow + 1 : 1
            state.status.runs += 1
            if record.outcome != .ok { state.status.failures += 1 }
            state.status.lastRun = record
            return state.failuresInARow
        }
    }

    /// False when it was cancelled before it became active.
    func activated(by source: any ControlSubscription) -> Bool {
        state.withLock { state in
            guard !state.isCancelled else { return false }
            state.source = source
            return true
        }
    }

    func cancel() {
        let source = state.withLock { state in
            state.isCancelled = true
            state.queue = []
            state.head = 0
            defer { state.source = nil }
            return state.source
        }
        source?.cancel()
    }

    var status: ScheduleStatus {
        state.withLock { state in
            var status = state.status
            status.running = state.isBusy ? 1 : 0
            status.waiting = state.queue.count - state.head
            return status
        }
    }
}
