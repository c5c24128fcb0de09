// SPDX-License-Identifier: Apache-2.0
import Dispatch

/// Runs a body that blocks (a socket, a process) on threads that may block, so that it does not take a thread of Swift
/// concurrency's small pool from the tests that run beside it.
package nonisolated func offPool<Value: Sendable>(_ body: @escaping () throws -> Value) async throws -> Value {
    let work = Unchecked(body)
    return try await withTaskExecutorPreference(BlockingExecutor.shared) { try await work.run() }
}

/// The caller waits for the body, so what it captures is never used from two threads at once.
private struct Unchecked<Value: Sendable>: @unchecked Sendable {
    private let body: () throws -> Value

    init(_ body: @escaping () throws -> Value) { self.body = body }

    @concurrent func run() async throws -> Value { try body() }
}

private final class BlockingExecutor: TaskExecutor {
    static let shared = BlockingExecutor()

    private let queue = DispatchQueue(label: "blocking tests", attributes: .concurrent)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
