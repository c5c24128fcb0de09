// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A thread of its own for Lua states, so that a script that runs for long holds up nobody else.
///
/// Jobs run one after another. The thread is also a `SerialExecutor` for an actor that owns a state; where a watchdog
/// may abandon the thread, use `perform`, since an actor whose job never ends cannot be rescued.
package final class LuaThread: SerialExecutor {
    private let queue: LuaJobQueue

    /// - Parameter stackSize: Bytes. Lua's nesting of C calls and host functions is bounded to about 2 MiB.
    package init(name: String = "lua", stackSize: Int = 4 << 20) {
        queue = LuaJobQueue(name: name, stackSize: stackSize)
    }

    deinit { queue.stop() }

    /// Runs the body on the thread. The script's time is not bounded here but by the state's limits and flags.
    ///
    /// - Throws: What the body throws, or `LuaError` of kind `.closed` when the thread has stopped or was abandoned.
    package func perform<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        let ticket = Ticket<Result>()
        return try await withCheckedThrowingContinuation { continuation in
            ticket.open(continuation)
            queue.submit(
                LuaJobQueue.Job(
                    run: { ticket.close(Swift.Result { try body() }) },
                    fail: { ticket.close(.failure($0)) }))
        }
    }

    /// Runs the body on the thread some time later, or drops it when the thread has ended.
    package func submit(_ body: @escaping @Sendable () -> Void) {
        queue.submit(LuaJobQueue.Job(run: body, fail: { _ in }))
    }

    /// Runs the body even when the thread has been stopped, but not after an abandonment.
    func submitAlways(_ body: @escaping @Sendable () -> Void) { queue.submitAlways(body) }

    /// When the job that runs began; nil between jobs. A watchdog reads it from another thread.
    package var currentBurstStarted: ContinuousClock.Instant? { queue.burstStarted }

    package var isCurrent: Bool { queue.isCurrent }
    package var isAbandoned: Bool { queue.isAbandoned }

    /// Takes no more jobs, finishes those that wait and ends the thread. Returns when it has ended, at once if it was
    /// abandoned.
    package func stop() async {
        queue.stop()
        await withCheckedContinuation { continuation in queue.whenEnded { continuation.resume() } }
    }

    /// Lets the other threads of the process go first from now on; it cannot be undone.
    package func lowerPriority() { queue.lowerPriority() }

    /// Gives up on a job that does not end: it and all that wait fail with `.closed`, and the thread takes no more.
    /// What the job holds is never freed, unless the job comes back.
    package func abandon() { queue.abandon() }

    // MARK: SerialExecutor

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedSerialExecutor()
        queue.submitAlways { job.runSynchronously(on: executor) }
    }

    package func checkIsolated() {
        precondition(isCurrent, "not on the Lua thread")
    }
}

/// A continuation that is resumed once, by whoever comes first.
private final class Ticket<Value: Sendable>: @unchecked Sendable {
    // Guarded by the lock.
    private var continuation: CheckedContinuation<Value, any Error>?
    private let lock = NSLock()

    func open(_ continuation: CheckedContinuation<Value, any Error>) {
        lock.withLock { self.continuation = continuation }
    }

    func close(_ result: Result<Value, any Error>) {
        let continuation = lock.withLock {
            defer { self.continuation = nil }
            return self.continuation
        }
        continuation?.resume(with: result)
    }
}
