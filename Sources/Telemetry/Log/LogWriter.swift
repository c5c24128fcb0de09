// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Foundation
import Synchronization

/// A bounded queue of finished lines, and the one thread that writes them in large batches.
///
/// A caller copies its line into the pending batch under a lock that is held for no longer than such a copy; it never waits
/// for a disk. What does not fit is dropped, counted, and told in one line where the gap is.
final class LogWriter: Sendable {
    struct Limits: Sendable {
        var bytes = 16 * 1024 * 1024
        var lines = 65536
    }

    private struct Batch {
        var bytes: [UInt8] = []
        var lines = 0
        var dropped = 0
        var isEmpty: Bool { lines == 0 && dropped == 0 }
    }

    private struct State {
        var batches: [Batch]
        var stamp = LogStamp()
        var isIdle = false
        var isStopping = false
        var flushes: [DispatchSemaphore] = []
    }

    private let sinks: [LogSink]
    private let clock: LogClock
    private let limits: Limits
    private let state: Mutex<State>
    private let wakeUp = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    init(sinks: [LogSink], clock: LogClock, limits: Limits) {
        self.sinks = sinks
        self.clock = clock
        self.limits = limits
        state = Mutex(State(batches: Array(repeating: Batch(), count: sinks.count)))
        let thread = Thread { self.run() }
        thread.name = "log"
        thread.start()
    }

    /// Queues a line for the sink with this index. `text` must not contain a line end.
    func enqueue(_ text: String, for sink: Int) {
        var text = text
        let mustWake = state.withLock { state in
            guard !state.isStopping else { return false }
            guard state.batches[sink].lines < limits.lines, state.batches[sink].bytes.count < limits.bytes else {
                state.batches[sink].dropped += 1
                return false
            }
            state.stamp.append(clock.now(), of: clock, to: &state.batches[sink].bytes)
            text.withUTF8 { state.batches[sink].bytes.append(contentsOf: $0) }
            state.batches[sink].bytes.append(UInt8(ascii: "\n"))
            state.batches[sink].lines += 1
            defer { state.isIdle = false }
            return state.isIdle
        }
        if mustWake { wakeUp.signal() }
    }

    /// Waits until all that was queued before is written, or until `timeout`: a console may be stuck.
    func flush(timeout: DispatchTime = .distantFuture) {
        let done = DispatchSemaphore(value: 0)
        let (mustWait, mustWake) = state.withLock { state in
            guard !state.isStopping else { return (false, false) }
            state.flushes.append(done)
            defer { state.isIdle = false }
            return (true, state.isIdle)
        }
        if mustWake { wakeUp.signal() }
        if mustWait { _ = done.wait(timeout: timeout) }
    }

    /// Refuses new lines and lets the thread end once the queue is written.
    func stop() {
        let mustWake = state.withLock { state in
            state.isStopping = true
            defer { state.isIdle = false }
            return state.isIdle
        }
        if mustWake { wakeUp.signal() }
    }

    /// After ``stop()``: waits until the queue is written, or until `timeout`. Once.
    func waitUntilEnded(timeout: DispatchTime) { _ = ended.wait(timeout: timeout) }

    private func run() {
        var spare = [[UInt8]](repeating: [], count: sinks.count)
        // Lines that a sink refused: told with the next ones, because trying again at once would only fail again.
        var refused = [Int](repeating: 0, count: sinks.count)
        while true {
            let (batches, flushes, isStopping) = takePending(&spare)
            for (index, batch) in batches.enumerated() where !batch.isEmpty {
                refused[index] = write(batch, refused: refused[index], to: index)
                spare[index] = batch.bytes.capacity <= 1 << 20 ? batch.bytes : []
            }
            for flush in flushes { flush.signal() }
            if batches.allSatisfy(\.isEmpty), flushes.isEmpty {
                if isStopping { break }
                wakeUp.wait()
            }
        }
        ended.signal()
    }

    /// Swaps the pending batches for the emptied buffers of the last ones; notes under the same lock if there was nothing.
    private func takePending(_ spare: inout [[UInt8]]) -> ([Batch], [DispatchSemaphore], isStopping: Bool) {
        for index in spare.indices { spare[index].removeAll(keepingCapacity: true) }
        return state.withLock { state in
            let batches = state.batches
            for index in batches.indices where !batches[index].isEmpty {
                state.batches[index] = Batch(bytes: spare[index])
                spare[index] = []
            }
            let flushes = state.flushes
            state.flushes = []
            if batches.allSatisfy(\.isEmpty), flushes.isEmpty { state.isIdle = true }
            return (batches, flushes, state.isStopping)
        }
    }

    /// Writes a batch and tells what is missing before or behind it. Returns how many lines are still to be told of.
    private func write(_ batch: Batch, refused: Int, to index: Int) -> Int {
        var bytes = refused > 0 ? note(of: refused) + batch.bytes : batch.bytes
        if batch.dropped > 0 { bytes += note(of: batch.dropped) }
        return sinks[index].write(bytes) ? 0 : refused + batch.lines + batch.dropped
    }

    private func note(of lines: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        state.withLock { $0.stamp.append(clock.now(), of: clock, to: &bytes) }
        let text = "[Warning] log: \(lines) lines were dropped: the log could not be written, or not fast enough\n"
        return bytes + Array(text.utf8)
    }
}
