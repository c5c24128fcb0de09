// SPDX-License-Identifier: Apache-2.0
import Foundation
import LuaRuntime
import ProxyModel
import Synchronization

/// One loaded version of a script: its Lua state, its schedules and its runs.
///
/// The state and the runs are touched by jobs of the lane only, which run one after another; that is why this may be
/// shared between threads. The parts that others read are behind the mutex.
final class ScriptInstance: @unchecked Sendable {
    /// The run whose burst is under way.
    struct CurrentRun: Sendable {
        var name: String
        var scheduled: Date
        var started: Date
    }

    private struct Shared {
        var schedules: [ScriptSchedule] = []
        var memory = 0
        var currentRun: CurrentRun?
        /// The lane is dead: what still comes from there is not told any more.
        var isAbandoned = false
    }

    /// How many schedules a script may have, and how many runs at a time, sleeping ones included.
    static let mostSchedules = 1000
    static let mostRuns = 1000

    enum Phase { case loading, active, stopping, closed }

    let script: AutomationSettings.Script
    let context: ScriptContext
    let lane: ScriptPool.Lane
    /// Stops whatever runs in the state.
    let killFlag = LuaStopFlag()
    private let shared = Mutex(Shared())

    // On the lane only.
    private(set) var state: LuaState?
    private(set) var phase = Phase.loading
    private var runs: Set<ScriptRun> = []
    private var stopHooks: [LuaFunctionRef] = []
    private var onLoaded: (@Sendable (AutomationError?) -> Void)?
    private var onIdle: [@Sendable () -> Void] = []
    /// What `store.transaction` has gathered.
    var transaction: StoreTransaction?

    init(script: AutomationSettings.Script, context: ScriptContext, lane: ScriptPool.Lane) {
        self.script = script
        self.context = context
        self.lane = lane
    }

    var name: String { script.name }
    var schedules: [ScriptSchedule] { shared.withLock { $0.schedules } }
    var memory: Int { shared.withLock { $0.memory } }
    var currentRun: CurrentRun? { shared.withLock { $0.currentRun } }

    func log(_ level: LogLevel, _ message: String) {
        context.log(level, "script/\(name): \(message)")
    }

    // MARK: - Life

    /// Runs the top level. `done` is told once that has ended, or sleeps for the first time, or has failed.
    func load(_ source: [UInt8], done: @escaping @Sendable (AutomationError?) -> Void) {
        onLoaded = done
        do {
            let limits = LuaLimits(
                memory: script.limits.memory, instructions: script.limits.instructions, burst: script.limits.burst)
            let folder = URL(fileURLWithPath: script.path).deletingLastPathComponent().path
            let modules = LuaModuleFolder(path: folder)
            let state = try LuaState(
                limits: limits, stopFlag: killFlag, print: { [unowned self] in log(.info, $0) },
                modules: { try modules.source($0) })
            self.state = state
            try Library.install(in: state, for: self)
            let chunk = try state.load(source, name: URL(fileURLWithPath: script.path).lastPathComponent)
            begin(chunk, role: .main, scheduled: context.clock.wall)
        } catch {
            loaded(AutomationError(.script, describe(error).message))
        }
    }

    private func loaded(_ error: AutomationError?) {
        guard let done = onLoaded else { return }
        onLoaded = nil
        if error != nil { close() }
        done(error)
    }

    /// Starts the schedules that the top level has registered.
    func activate() {
        guard phase == .loading else { return }
        phase = .active
        for schedule in schedules { activate(schedule) }
    }

    /// Ends the schedules and the sleeping runs, and calls the script's `on_stop` functions with the reason.
    func beginStop(_ reason: String) {
        guard phase == .active || phase == .loading else { return }
        phase = .stopping
        for schedule in schedules { unschedule(schedule) }
        for run in runs where run.isSleeping { stop(run, reason) }
        for run in runs { run.stopReason = run.stopReason ?? reason }
        for hook in stopHooks {
            begin(hook, role: .stopHook, scheduled: context.clock.wall, arguments: [.string(reason)])
        }
        noticeIdle()
    }

    /// Calls back when no run is left.
    func whenIdle(_ body: @escaping @Sendable () -> Void) {
        onIdle.append(body)
        noticeIdle()
    }

    /// Ends all runs and frees the state.
    func close() {
        guard phase != .closed else { return }
        phase = .closed
        for schedule in schedules { unschedule(schedule) }
        for run in runs { stop(run, run.stopReason ?? "the script was stopped") }
        stopHooks = []
        state?.close()
        state = nil
        shared.withLock { $0 = Shared() }
        noticeIdle()
        loaded(AutomationError(.closed, "\(name): stopped while it was loading"))
    }

    private var isAbandoned: Bool { shared.withLock { $0.isAbandoned } }

    /// Takes the schedules out when the lane is dead and nothing of the rest can be touched any more.
    func abandon() {
        shared.withLock { $0.isAbandoned = true }
        for schedule in schedules { unschedule(schedule) }
    }

    private func noticeIdle() {
        guard runs.isEmpty else { return }
        let waiting = onIdle
        onIdle = []
        for body in waiting { body() }
    }

    // MARK: - What the top level and runs register

    func add(_ schedule: ScriptSchedule) throws {
        guard phase == .loading || phase == .active else { throw LuaError("the script is being stopped") }
        let count = shared.withLock { shared in
            shared.schedules.append(schedule)
            return shared.schedules.count
        }
        guard count <= Self.mostSchedules else {
            remove(schedule)
            throw LuaError("a script may have \(Self.mostSchedules) schedules")
        }
        if phase == .active { activate(schedule) }
    }

    func add(stopHook: LuaFunctionRef) throws {
        guard stopHooks.count < 100 else { throw LuaError("on_stop: a script may have 100 of them") }
        stopHooks.append(stopHook)
    }

    func remove(_ schedule: ScriptSchedule) {
        unschedule(schedule)
        shared.withLock { $0.schedules.removeAll { $0 === schedule } }
    }

    private func unschedule(_ schedule: ScriptSchedule) {
        if let id = schedule.cancel() { context.scheduler.remove(id) }
    }

    private func activate(_ schedule: ScriptSchedule) {
        do {
            let id = try context.scheduler.add(schedule.trigger) { [weak self, schedule] firing in
                self?.due(schedule, firing)
            }
            if !schedule.activated(as: id) { context.scheduler.remove(id) }
        } catch {
            log(.warning, "\(schedule.name): \(error)")
        }
    }

    // MARK: - Runs

    /// Called on the timer's task.
    private func due(_ schedule: ScriptSchedule, _ firing: Firing) {
        switch schedule.due(firing) {
        case .start:
            start(schedule, firing)
        case .wait:
            break
        case .stopBusyAndWait:
            context.pool.submit(lane) { [self] in
                for run in runs {
                    if case .schedule(let other) = run.role, other === schedule { stop(run, "replaced by a newer run") }
                }
            }
        case .skip(let reason):
            guard let reason else { return }
            let now = context.clock.wall
            context.store.record(
                RunRecord(
                    script: name, schedule: schedule.name, scheduled: firing.scheduled, started: now, ended: now,
                    outcome: .skipped, error: reason))
            log(.warning, "\(schedule.name) skipped: \(reason)")
        }
    }

    private func start(_ schedule: ScriptSchedule, _ firing: Firing) {
        context.pool.submit(lane) { [self] in
            guard phase == .active else { return }
            // A schedule that has had its last time is not listed any more.
            if case .after = schedule.trigger { shared.withLock { $0.schedules.removeAll { $0 === schedule } } }
            begin(schedule.function, role: .schedule(schedule), scheduled: firing.scheduled)
        }
    }

    /// Starts a run of the schedule now; `completion` is told the outcome, or nil when the run cannot start.
    func runNow(_ schedule: ScriptSchedule, completion: @escaping @Sendable (RunRecord?) -> Void) {
        guard phase == .active, schedule.beginNow() else { return completion(nil) }
        begin(schedule.function, role: .schedule(schedule), scheduled: context.clock.wall, completion: completion)
    }

    private func begin(
        _ function: LuaFunctionRef, role: ScriptRun.Role, scheduled: Date, arguments: [LuaValue]? = nil,
        completion: (@Sendable (RunRecord?) -> Void)? = nil
    ) {
        guard let state else { return }
        let now = context.clock.wall
        do {
            guard runs.count < Self.mostRuns else {
                throw LuaError("a script may have \(Self.mostRuns) runs at a time")
            }
            let run = ScriptRun(
                role: role, scheduled: scheduled, started: now, coroutine: try state.makeCoroutine(function))
            if let completion { run.completions.append(completion) }
            runs.insert(run)
            let arguments = arguments ?? facts(of: run)
            step(run) { () throws(LuaError) in try run.coroutine.resume(with: arguments) }
        } catch {
            let record = RunRecord(
                script: name, schedule: "", scheduled: scheduled, started: now, ended: now, outcome: .failed,
                error: describe(error).message)
            log(.error, record.error)
            completion?(record)
            if case .main = role { loaded(AutomationError(.script, record.error)) }
            if case .schedule(let schedule) = role { _ = schedule.ended(record) }
        }
    }

    /// What a run is told about itself.
    private func facts(of run: ScriptRun) -> [LuaValue] {
        guard case .schedule(let schedule) = run.role else { return [] }
        return [
            [
                "name": .string(schedule.name), "scheduled": .number(run.scheduled.timeIntervalSince1970),
                "late": .number(max(0, run.started.timeIntervalSince(run.scheduled))),
            ]
        ]
    }

    private func step(_ run: ScriptRun, _ resume: () throws(LuaError) -> LuaCoroutine.Outcome) {
        run.phase = .running
        let current = CurrentRun(name: run.name, scheduled: run.scheduled, started: run.started)
        shared.withLock { $0.currentRun = current }
        let outcome: LuaCoroutine.Outcome
        do {
            outcome = try resume()
        } catch {
            transaction = nil
            return fail(run, error)
        }
        transaction = nil
        noteMemory()
        switch outcome {
        case .finished: end(run, .ok, "")
        case .suspended(let wait as ScriptWait): suspend(run, wait)
        case .suspended: end(run, .failed, "the script waits for nothing")
        }
    }

    private func suspend(_ run: ScriptRun, _ wait: ScriptWait) {
        switch wait {
        case .sleep(let duration):
            if case .main = run.role { loaded(nil) }
            if phase == .stopping || phase == .closed {
                return stop(run, run.stopReason ?? "the script is being stopped")
            }
            let id = try? context.scheduler.add(.after(duration)) { [self] _ in
                context.pool.submit(lane) { [self] in wake(run, .success(.nothing)) }
            }
            run.phase = .sleeping(id)
            if id == nil { stop(run, "the automation is being stopped") }
        case .perform(let operation):
            context.pool.wentAway()
            run.phase = .performing(
                Task.detached { [self] in
                    let answer: Result<ScriptAnswer, any Error>
                    do {
                        answer = .success(try await operation())
                    } catch {
                        answer = .failure(error)
                    }
                    context.pool.submit(lane) { [self] in wake(run, answer) }
                    context.pool.cameBack()
                })
        }
    }

    private func wake(_ run: ScriptRun, _ answer: Result<ScriptAnswer, any Error>) {
        guard !run.hasEnded else { return }
        step(run) { () throws(LuaError) in
            switch answer {
            case .success(let answer): try run.coroutine.resume(pushing: answer.push)
            case .failure(let error): try run.coroutine.resume(throwing: error)
            }
        }
    }

    /// Ends a run where it waits.
    private func stop(_ run: ScriptRun, _ reason: String) {
        switch run.phase {
        case .ended, .running: return
        case .sleeping(let id): if let id { context.scheduler.remove(id) }
        case .performing(let task): task.cancel()
        }
        run.coroutine.stopFlag.stop()
        run.coroutine.close()
        end(run, .killed, reason)
    }

    private func fail(_ run: ScriptRun, _ error: LuaError) {
        let (message, isLimit) = describe(error)
        let reason = error.kind == .killed ? run.stopReason ?? "the script was stopped" : message
        end(run, isLimit || error.kind == .killed ? .killed : .failed, reason, traceback: error.traceback)
    }

    private func end(_ run: ScriptRun, _ outcome: RunRecord.Outcome, _ error: String, traceback: String = "") {
        guard !run.hasEnded else { return }
        run.phase = .ended
        runs.remove(run)
        noteMemory()
        let record = RunRecord(
            script: name, schedule: run.name, scheduled: run.scheduled, started: run.started,
            ended: context.clock.wall, outcome: outcome, error: error)
        let isLoading = onLoaded != nil
        var failures = 1
        var next: Firing?
        if case .schedule(let schedule) = run.role {
            (next, failures) = schedule.ended(record)
            if let next { start(schedule, next) }
        }
        if !isLoading, !isAbandoned { context.store.record(record) }
        if outcome != .ok, !isLoading, !isAbandoned { report(record, traceback: traceback, failures: failures) }
        for completion in run.completions { completion(record) }
        if case .main = run.role {
            let trace = traceback.isEmpty ? "" : " (\(Self.oneLine(traceback)))"
            loaded(outcome == .ok ? nil : AutomationError(.script, error + trace))
        }
        noticeIdle()
    }

    /// The same failure in a row is told the 1st, 2nd, 4th, 8th … time, so that a script that fails every second does not
    /// fill the log.
    private func report(_ record: RunRecord, traceback: String, failures: Int) {
        guard failures & (failures - 1) == 0 else { return }
        var text = "\(record.schedule) \(record.outcome.rawValue): \(record.error)"
        if failures > 1 { text += " (\(failures) times in a row)" }
        if !traceback.isEmpty { text += "; \(Self.oneLine(traceback))" }
        let isOurs = record.outcome == .killed && phase != .active
        log(isOurs ? .info : .error, text)
    }

    private func noteMemory() {
        let memory = state?.usedMemory ?? 0
        shared.withLock { shared in
            shared.memory = memory
            shared.currentRun = nil
        }
    }

    /// The message with the limit named, and whether it was a limit that ended the run.
    private func describe(_ error: any Error) -> (message: String, isLimit: Bool) {
        guard let error = error as? LuaError else { return ("\(error)", false) }
        let limit: String
        switch error.kind {
        case .memory: limit = "memory limit of \(ByteSize.text(Int64(script.limits.memory))) reached"
        case .instructionLimit: limit = "limit of \(script.limits.instructions) instructions reached"
        case .deadline: limit = "time limit of \(script.limits.burst.text) reached"
        default: return (error.message, false)
        }
        guard let chunk = error.chunk, let line = error.line else { return (limit, true) }
        return ("\(chunk):\(line): \(limit)", true)
    }

    private static func oneLine(_ traceback: String) -> String {
        traceback.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: " | ")
    }
}
