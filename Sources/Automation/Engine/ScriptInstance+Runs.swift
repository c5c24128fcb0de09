// SPDX-License-Identifier: Apache-2.0
import Foundation
import LuaRuntime
import ProxyModel
import Synchronization

/// How runs begin, wait and end. All but ``due(_:_:)`` belongs to the lane.
extension ScriptInstance {
    /// Called on the timer's task.
    func due(_ schedule: ScriptSchedule, _ firing: Firing) {
        noteTime(of: schedule, firing.scheduled)
        guard firing.missed else { return act(on: schedule.due(firing), schedule, firing) }
        // The times between this one and now passed with it.
        let before = firing.scheduled.addingTimeInterval(-0.001)
        if !makeUp(schedule, after: before) { act(on: schedule.missed(firing), schedule, firing) }
    }

    /// Starts runs for the times that passed since `last`; false when there is none to be made up for.
    func makeUp(_ schedule: ScriptSchedule, after last: Date) -> Bool {
        let now = context.clock.wall
        let times = schedule.missed.times(
            of: schedule.trigger, after: last, until: now, jitter: schedule.jitter, deadline: schedule.deadline)
        guard let latest = times.last else { return false }
        noteTime(of: schedule, latest)
        for time in times {
            let firing = Firing.madeUp(for: time, now: now)
            act(on: schedule.madeUp(firing), schedule, firing)
        }
        return true
    }

    /// Remembers the last time of schedules that make up for missed ones, also beyond the life of the process.
    private func noteTime(of schedule: ScriptSchedule, _ time: Date) {
        guard schedule.missed != .skip else { return }
        context.store.noteTime(time, script: name, schedule: schedule.name)
    }

    private func act(on decision: ScriptSchedule.OnDue, _ schedule: ScriptSchedule, _ firing: Firing) {
        switch decision {
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

    func start(_ schedule: ScriptSchedule, _ firing: Firing) {
        context.pool.submit(lane) { [self] in
            guard phase == .active else { return }
            // A schedule that has had its last time is not listed any more.
            if schedule.trigger.isOnce { shared.withLock { $0.schedules.removeAll { $0 === schedule } } }
            begin(schedule.function, role: .schedule(schedule), scheduled: firing.scheduled)
        }
    }

    /// Starts a run of the schedule now; `completion` is told the outcome, or nil when the run cannot start.
    func runNow(_ schedule: ScriptSchedule, completion: @escaping @Sendable (RunRecord?) -> Void) {
        guard phase == .active, schedule.beginNow() else { return completion(nil) }
        begin(schedule.function, role: .schedule(schedule), scheduled: context.clock.wall, completion: completion)
    }

    func begin(
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
            if case .task(let task) = role { task.run = run }
            runs.insert(run)
            shared.withLock { $0.runs[run.id] = run }
            startTimer(of: run)
            let arguments = arguments ?? facts(of: run)
            step(run) { () throws(LuaError) in try run.coroutine.resume(with: arguments) }
        } catch {
            let record = RunRecord(
                script: name, schedule: role.name, scheduled: scheduled, started: now, ended: now, outcome: .failed,
                error: describe(error).message)
            completion?(record)
            didNotBegin(role, record)
        }
    }

    /// Tells those who wait for a run that there will be none; what stands in line behind it has its turn.
    private func didNotBegin(_ role: ScriptRun.Role, _ record: RunRecord) {
        var failures = 1
        switch role {
        case .main: return loaded(AutomationError(.script, record.error))
        case .console(let done): return done(.failed(.failed, message: record.error, traceback: ""))
        case .schedule(let schedule):
            let next: Firing?
            (next, failures) = schedule.ended(record)
            if let next { start(schedule, next) }
        case .task(let task): finish(task, record)
        case .subscription(let subscription):
            failures = subscription.ended(record)
            context.pool.submit(lane) { [self] in handleNext(subscription) }
        case .stopHook: break
        }
        context.store.record(record)
        report(record, traceback: "", failures: failures)
    }

    private func startTimer(of run: ScriptRun) {
        guard let total = script.limits.total else { return }
        let reason = "time limit of \(total.text) for a whole run reached"
        run.timer = try? context.scheduler.add(.after(total)) { [weak self, weak run] _ in
            guard let self, let run else { return }
            run.requestStop(reason)
            context.pool.submit(lane) { [self] in stop(run, reason) }
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

    func step(_ run: ScriptRun, _ resume: () throws(LuaError) -> LuaCoroutine.Outcome) {
        run.phase = .running
        let facts = CurrentRun(id: run.id, name: run.name, scheduled: run.scheduled, started: run.started)
        shared.withLock { $0.currentRun = facts }
        let outcome = measure(run, resume)
        transaction = nil
        noteMemory()
        switch outcome {
        case .failure(let error): fail(run, error)
        case .success(.finished(let values)):
            run.results = values
            end(run, .ok, "")
        case .success(.suspended(let wait as ScriptWait)): suspend(run, wait)
        case .success(.suspended): end(run, .failed, "the script waits for nothing")
        }
    }

    /// Adds to the run what its burst used.
    private func measure(
        _ run: ScriptRun, _ resume: () throws(LuaError) -> LuaCoroutine.Outcome
    ) -> Result<LuaCoroutine.Outcome, LuaError> {
        let before = ThreadTime.now
        let outer = current
        current = run
        state?.resetPeakMemory()
        defer {
            current = outer
            run.memory = max(run.memory, state?.peakMemory ?? 0)
            run.cpu += ThreadTime.now - before
        }
        do {
            return .success(try resume())
        } catch {
            return .failure(error)
        }
    }

    private func suspend(_ run: ScriptRun, _ wait: ScriptWait) {
        if case .perform(let operation) = wait { return perform(operation, for: run) }
        if case .main = run.role { loaded(nil) }
        // Nobody waits any more for a run that waits for a time or an event.
        if phase == .stopping || phase == .closed {
            return stop(run, run.stopReason ?? "the script is being stopped")
        }
        switch wait {
        case .sleep(let duration):
            let id = try? context.scheduler.add(.after(duration)) { [self] _ in
                context.pool.submit(lane) { [self] in wake(run, .success(.nothing)) }
            }
            run.phase = .sleeping(id)
            if id == nil { stop(run, "the automation is being stopped") }
        case .event(let filter, let limit):
            self.wait(run, for: filter, atMost: limit)
        case .task(let task):
            self.wait(run, for: task)
        case .perform:
            break
        }
    }

    private func perform(_ operation: @escaping @Sendable () async throws -> ScriptAnswer, for run: ScriptRun) {
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

    func wake(_ run: ScriptRun, _ answer: Result<ScriptAnswer, any Error>) {
        guard !run.hasEnded else { return }
        step(run) { () throws(LuaError) in
            switch answer {
            case .success(let answer): try run.coroutine.resume(pushing: answer.push)
            case .failure(let error): try run.coroutine.resume(throwing: error)
            }
        }
    }

    /// Ends a run where it waits.
    func stop(_ run: ScriptRun, _ reason: String) {
        switch run.phase {
        case .ended, .running: return
        case .sleeping(let id): if let id { context.scheduler.remove(id) }
        case .waiting(let waiter): waiter.cancel(context.scheduler)
        case .performing(let task): task.cancel()
        }
        run.coroutine.stopFlag.stop()
        run.coroutine.close()
        end(run, .killed, reason)
    }

    private func fail(_ run: ScriptRun, _ error: LuaError) {
        let (message, isLimit) = describe(error)
        var reason = message
        if error.kind == .killed {
            reason = run.stopReason ?? "the script was stopped"
            if let request = run.requestedStop {
                reason = error.chunk.flatMap { chunk in error.line.map { "\(chunk):\($0): \(request)" } } ?? request
            }
        }
        end(run, isLimit || error.kind == .killed ? .killed : .failed, reason, traceback: error.traceback)
    }

    private func end(_ run: ScriptRun, _ outcome: RunRecord.Outcome, _ error: String, traceback: String = "") {
        guard !run.hasEnded else { return }
        run.phase = .ended
        runs.remove(run)
        shared.withLock { $0.runs[run.id] = nil }
        if let timer = run.timer { context.scheduler.remove(timer) }
        noteMemory()
        var record = RunRecord(
            script: name, schedule: run.name, scheduled: run.scheduled, started: run.started,
            ended: context.clock.wall, outcome: outcome, error: error)
        record.traceback = traceback
        record.cpu = .nanoseconds(run.cpu)
        record.memory = run.memory
        record.calls = run.calls
        record.lines = run.lines
        let isLoading = onLoaded != nil
        var failures = 1
        var next: Firing?
        if case .schedule(let schedule) = run.role {
            (next, failures) = schedule.ended(record)
            if let next { start(schedule, next) }
        }
        if case .task(let task) = run.role { finish(task, record) }
        if case .subscription(let subscription) = run.role {
            failures = subscription.ended(record)
            context.pool.submit(lane) { [self] in handleNext(subscription) }
        }
        if case .console(let done) = run.role {
            done(
                ConsoleOutcome(
                    record, results: run.results, traceback: traceback,
                    isInterrupted: run.coroutine.stopFlag.isStopped))
            return noticeIdle()
        }
        if !isLoading, !isAbandoned { context.store.record(record) }
        if outcome != .ok, !isLoading, !isAbandoned { report(record, traceback: traceback, failures: failures) }
        for completion in run.completions { completion(record) }
        if case .main = run.role {
            loaded(outcome == .ok ? nil : loadError(error, traceback))
        }
        noticeIdle()
    }

    private func loadError(_ error: String, _ traceback: String) -> AutomationError {
        if let settingsProblem, error.hasSuffix(settingsProblem) {
            return AutomationError(.settings, settingsProblem)
        }
        let trace = traceback.isEmpty ? "" : " (\(Self.oneLine(traceback)))"
        return AutomationError(.script, error + trace)
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
    func describe(_ error: any Error) -> (message: String, isLimit: Bool) {
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
