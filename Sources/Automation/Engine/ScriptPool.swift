// SPDX-License-Identifier: Apache-2.0
import LuaRuntime
import Synchronization

/// A few threads for the work of all scripts. None of them is an event loop.
///
/// Each script has a lane: its jobs run one after another, on whichever thread is free, so a Lua state is never touched by two
/// threads at a time. A job that does not end costs its lane and its thread; another thread takes the place.
///
/// A job that takes long while others wait goes on at a lower priority, on a thread that ends with it, and another thread takes
/// the place at once: scripts that compute hold up neither other scripts nor the event loops.
final class ScriptPool: Sendable {
    struct Job: Sendable {
        var run: @Sendable () -> Void
        /// Called instead when the job will never run: the lane was given up or the pool has stopped.
        var dropped: @Sendable () -> Void = {}
    }

    /// The jobs of one script.
    final class Lane: Sendable {
        fileprivate struct State {
            var jobs: [Job] = []
            /// Whether the lane is in `ready` or at work.
            var isScheduled = false
            var isDead = false
        }

        /// For reports.
        let name: String
        /// A job that takes longer is wedged.
        let limit: Duration
        // Taken inside the pool's lock only, so that the two never wait for each other.
        fileprivate let state = Mutex(State())

        init(name: String, limit: Duration) {
            self.name = name
            self.limit = limit
        }

        var isDead: Bool { state.withLock { $0.isDead } }
    }

    private struct Worker {
        var thread: LuaThread
        var work: (lane: Lane, job: Job, since: Duration)?
        /// It has been replaced and ends with its job.
        var isReplaced = false
    }

    /// A job that runs for longer than this takes long.
    private static let longJob = Duration.milliseconds(20)
    /// More threads than this are not started, however many jobs take long.
    private static let mostWorkers = 64

    private struct State {
        var workers: [Int: Worker] = [:]
        var idle: [Int] = []
        var ready: [Lane] = []
        var lastWorker = 0
        var isStopped = false
        /// Work that is under way elsewhere and will come back as a job.
        var away = 0
        var waiters: [@Sendable () -> Void] = []

        var isQuiet: Bool { ready.isEmpty && away == 0 && workers.values.allSatisfy { $0.work == nil } }
    }

    private let clock: any AutomationClock
    private let state = Mutex(State())

    init(threads: Int, clock: any AutomationClock) {
        self.clock = clock
        state.withLock { state in
            for _ in 0..<max(1, threads) { Self.addWorker(&state) }
        }
    }

    deinit { stop() }

    func submit(_ lane: Lane, _ run: @escaping @Sendable () -> Void) {
        submit(lane, Job(run: run))
    }

    func submit(_ lane: Lane, _ job: Job) {
        let now = clock.uptime
        let (isTaken, wake) = state.withLock { state -> (Bool, [(Int, LuaThread)]) in
            guard !state.isStopped else { return (false, []) }
            let isNew = lane.state.withLock { lane -> Bool? in
                guard !lane.isDead else { return nil }
                lane.jobs.append(job)
                defer { lane.isScheduled = true }
                return !lane.isScheduled
            }
            guard let isNew else { return (false, []) }
            if isNew { state.ready.append(lane) }
            if isNew, let idle = Self.takeIdle(&state) { return (true, [idle]) }
            return (true, Self.relieve(&state, now))
        }
        for (number, thread) in wake { start(number, thread) }
        if !isTaken { job.dropped() }
    }

    /// Jobs that exceed their lane's limit by now: their lanes are dead, their threads are left to themselves and replaced.
    func giveUpWedged() -> [Lane] {
        let now = clock.uptime
        var dropped: [Job] = []
        var threads: [LuaThread] = []
        var wake: [(Int, LuaThread)] = []
        let lanes = state.withLock { state -> [Lane] in
            var lanes: [Lane] = []
            for (number, worker) in state.workers {
                guard let work = worker.work, now - work.since > work.lane.limit else { continue }
                lanes.append(work.lane)
                threads.append(worker.thread)
                dropped.append(work.job)
                dropped += Self.kill(work.lane)
                state.workers[number] = nil
                if !worker.isReplaced { Self.addWorker(&state) }
                if !state.ready.isEmpty, let idle = Self.takeIdle(&state) { wake.append(idle) }
            }
            wake += Self.relieve(&state, now)
            Self.noticeQuiet(&state)
            return lanes
        }
        for thread in threads { thread.abandon() }
        for (number, thread) in wake { start(number, thread) }
        for job in dropped { job.dropped() }
        return lanes
    }

    /// Takes no more jobs for the lane and drops those that wait.
    func close(_ lane: Lane) {
        let dropped = state.withLock { _ in Self.kill(lane) }
        for job in dropped { job.dropped() }
    }

    /// Drops what waits and ends the threads once their jobs have ended.
    func stop() {
        let dropped = state.withLock { state in
            state.isStopped = true
            let jobs = state.ready.flatMap { Self.kill($0) }
            state.ready = []
            state.idle = []
            for (number, worker) in state.workers where worker.work == nil { state.workers[number] = nil }
            Self.noticeQuiet(&state)
            return jobs
        }
        for job in dropped { job.dropped() }
    }

    /// Counts work that goes on elsewhere until ``cameBack()``.
    func wentAway() { state.withLock { $0.away += 1 } }

    func cameBack() {
        state.withLock { state in
            state.away -= 1
            Self.noticeQuiet(&state)
        }
    }

    /// Whether no job runs or waits, and nothing is away.
    var isQuiet: Bool { state.withLock { $0.isQuiet } }

    /// Returns when that is so.
    func quiet() async {
        await withCheckedContinuation { continuation in whenQuiet { continuation.resume() } }
    }

    /// Calls back, once, when no job runs or waits, and nothing is away; at once if that is so now. `body` must return at once.
    func whenQuiet(_ body: @escaping @Sendable () -> Void) {
        let isQuiet = state.withLock { state in
            if !state.isQuiet { state.waiters.append(body) }
            return state.isQuiet
        }
        if isQuiet { body() }
    }

    private func start(_ number: Int, _ thread: LuaThread) {
        thread.submit { [self] in work(number) }
    }

    /// Takes jobs until there are none.
    private func work(_ number: Int) {
        while let job = next(number) {
            job.run()
            if let (number, thread) = finished(number) { start(number, thread) }
        }
    }

    private func next(_ number: Int) -> Job? {
        state.withLock { state in
            guard state.workers[number] != nil else { return nil }
            while !state.ready.isEmpty {
                let lane = state.ready.removeFirst()
                let job = lane.state.withLock { lane in lane.jobs.isEmpty ? nil : lane.jobs.removeFirst() }
                guard let job else { continue }
                state.workers[number]?.work = (lane, job, clock.uptime)
                return job
            }
            if state.isStopped { state.workers[number] = nil } else { state.idle.append(number) }
            Self.noticeQuiet(&state)
            return nil
        }
    }

    /// The thread that is to be woken instead, if this one is to end.
    private func finished(_ number: Int) -> (Int, LuaThread)? {
        state.withLock { state in
            // A worker that was given up is no longer in the table.
            guard let worker = state.workers[number], let work = worker.work else { return nil }
            state.workers[number]?.work = nil
            let goesOn = work.lane.state.withLock { lane in
                lane.isScheduled = !lane.jobs.isEmpty
                return lane.isScheduled
            }
            if goesOn { state.ready.append(work.lane) }
            guard worker.isReplaced else { return nil }
            state.workers[number] = nil
            Self.noticeQuiet(&state)
            return state.ready.isEmpty ? nil : Self.takeIdle(&state)
        }
    }

    /// Replaces workers whose jobs take long, while lanes wait and nobody is idle; the replacements are to be started.
    private static func relieve(_ state: inout State, _ now: Duration) -> [(Int, LuaThread)] {
        guard !state.ready.isEmpty, state.idle.isEmpty else { return [] }
        var started: [(Int, LuaThread)] = []
        for (number, worker) in state.workers where !worker.isReplaced && state.workers.count < mostWorkers {
            guard let work = worker.work, now - work.since > longJob else { continue }
            worker.thread.lowerPriority()
            state.workers[number]?.isReplaced = true
            addWorker(&state)
            if let idle = takeIdle(&state) { started.append(idle) }
        }
        return started
    }

    private static func kill(_ lane: Lane) -> [Job] {
        lane.state.withLock { lane in
            lane.isDead = true
            defer { lane.jobs = [] }
            return lane.jobs
        }
    }

    private static func addWorker(_ state: inout State) {
        state.lastWorker += 1
        state.workers[state.lastWorker] = Worker(thread: LuaThread(name: "script-\(state.lastWorker)"))
        state.idle.append(state.lastWorker)
    }

    private static func takeIdle(_ state: inout State) -> (Int, LuaThread)? {
        guard let number = state.idle.popLast(), let worker = state.workers[number] else { return nil }
        return (number, worker.thread)
    }

    private static func noticeQuiet(_ state: inout State) {
        guard state.isQuiet, !state.waiters.isEmpty else { return }
        let waiters = state.waiters
        state.waiters = []
        for waiter in waiters { waiter() }
    }
}
