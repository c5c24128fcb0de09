// SPDX-License-Identifier: Apache-2.0

import CLua
import Foundation

/// The jobs of a `LuaThread` and the thread that runs them. Does not keep its `LuaThread` alive.
final class LuaJobQueue: @unchecked Sendable {
    struct Job: Sendable {
        let run: @Sendable () -> Void
        let fail: @Sendable (LuaError) -> Void
    }

    private enum Phase { case open, stopping, abandoned }

    private let name: String
    private let stackSize: Int
    // Everything below is guarded by the condition.
    private let condition = NSCondition()
    private var jobs: [Job] = []
    private var current: Job?
    private var started: ContinuousClock.Instant?
    private var phase = Phase.open
    private var thread: Thread?
    private var endings: [@Sendable () -> Void] = []
    /// The kernel's number of the thread; 0 before it has begun and where it is not known.
    private var threadID: Int32 = 0

    init(name: String, stackSize: Int) {
        self.name = name
        self.stackSize = stackSize
        condition.withLock { startThread() }
    }

    var burstStarted: ContinuousClock.Instant? { condition.withLock { started } }
    var isAbandoned: Bool { condition.withLock { phase == .abandoned } }
    var isCurrent: Bool {
        let current = Thread.current
        return condition.withLock { thread === current }
    }

    func submit(_ job: Job) {
        let isOpen = condition.withLock {
            guard phase == .open else { return false }
            jobs.append(job)
            condition.signal()
            return true
        }
        if !isOpen { job.fail(LuaError(.closed, "the Lua thread '\(name)' has stopped")) }
    }

    /// For jobs that must not be lost, such as an actor's: after a stop they get a thread once more. After an
    /// abandonment they wait for ever, because the job that they must not overlap never ended.
    func submitAlways(_ run: @escaping @Sendable () -> Void) {
        condition.withLock {
            jobs.append(Job(run: run, fail: { _ in }))
            if thread == nil, phase == .stopping { startThread() }
            condition.signal()
        }
    }

    func stop() {
        condition.withLock {
            if phase == .open { phase = .stopping }
            condition.signal()
        }
    }

    func whenEnded(_ body: @escaping @Sendable () -> Void) {
        let hasEnded = condition.withLock {
            if thread == nil || phase == .abandoned { return true }
            endings.append(body)
            return false
        }
        if hasEnded { body() }
    }

    func abandon() {
        let (failed, endings) = condition.withLock {
            guard phase != .abandoned else { return ([Job](), [@Sendable () -> Void]()) }
            phase = .abandoned
            condition.signal()
            defer {
                jobs = []
                self.endings = []
            }
            return ((current.map { [$0] } ?? []) + jobs, self.endings)
        }
        for job in failed { job.fail(LuaError(.closed, "the Lua thread '\(name)' was abandoned")) }
        for ending in endings { ending() }
    }

    private func startThread() {
        let thread = Thread { [self] in work() }
        thread.name = name
        thread.stackSize = stackSize
        self.thread = thread
        thread.start()
    }

    /// Lets all other threads of the process go first, for good.
    func lowerPriority() {
        condition.withLock { if threadID != 0 { cl_lower_priority(threadID) } }
    }

    private func work() {
        condition.withLock { threadID = cl_thread_id() }
        while let job = next() {
            job.run()
            condition.withLock {
                current = nil
                started = nil
            }
        }
        let endings = condition.withLock {
            defer { self.endings = [] }
            return self.endings
        }
        for ending in endings { ending() }
    }

    /// Waits for a job; nil when the thread is to end.
    private func next() -> Job? {
        condition.withLock {
            while jobs.isEmpty, phase == .open { condition.wait() }
            guard !jobs.isEmpty, phase != .abandoned else {
                thread = nil
                threadID = 0
                return nil
            }
            let job = jobs.removeFirst()
            current = job
            started = ContinuousClock.now
            return job
        }
    }
}
