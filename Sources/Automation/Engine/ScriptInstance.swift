// SPDX-License-Identifier: Apache-2.0
import ControlAPI
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
        var id: UInt64
        var name: String
        var scheduled: Date
        var started: Date
    }

    struct Shared {
        var schedules: [ScriptSchedule] = []
        var settings: [ScriptSetting] = []
        /// By their numbers, since there may be one for each user, and they come and go.
        var subscriptions: [UInt64: ScriptSubscription] = [:]
        var memory = 0
        var currentRun: CurrentRun?
        /// Those that have begun and not ended.
        var runs: [UInt64: ScriptRun] = [:]
        /// Files that `require` has asked for, as they were then; nil for one that was not there.
        var modules: [String: ScriptSource.Stamp?] = [:]
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
    /// Who makes the changes that the script asks for.
    let caller: ControlCaller
    /// Whether calls that change anything are refused: those of the core by its control plane, others by ``admitsChange(_:)``.
    let isReadOnly: Bool
    /// Takes the lines that are printed or logged, besides the log; printed ones have no level.
    private let onLine: (@Sendable (LogLevel?, String) -> Void)?
    /// Stops whatever runs in the state.
    let killFlag = LuaStopFlag()
    let shared = Mutex(Shared())

    // On the lane only.
    private(set) var state: LuaState?
    private(set) var phase = Phase.loading
    var runs: Set<ScriptRun> = []
    /// How many runs were spawned that have not begun.
    var spawning = 0
    /// Requests over HTTP that are under way.
    let requests = Atomic<Int>(0)
    /// The run whose script code is on the stack.
    var current: ScriptRun?
    private var stopHooks: [LuaFunctionRef] = []
    var onLoaded: (@Sendable (AutomationError?) -> Void)?
    private var onIdle: [@Sendable () -> Void] = []
    /// Why the configured settings are refused: that is no fault of the script, whose lines say nothing about it.
    var settingsProblem: String?
    /// What `store.transaction` has gathered.
    var transaction: StoreTransaction?

    init(
        script: AutomationSettings.Script, context: ScriptContext, lane: ScriptPool.Lane, caller: ControlCaller? = nil,
        isReadOnly: Bool = false, onLine: (@Sendable (LogLevel?, String) -> Void)? = nil
    ) {
        self.script = script
        self.context = context
        self.lane = lane
        self.caller = caller ?? .script(name: script.name)
        self.isReadOnly = isReadOnly
        self.onLine = onLine
    }

    var name: String { script.name }
    var schedules: [ScriptSchedule] { shared.withLock { $0.schedules } }
    var declaredSettings: [ScriptSetting] { shared.withLock { $0.settings } }
    var subscriptions: [ScriptSubscription] {
        shared.withLock { $0.subscriptions }.values.sorted { $0.number < $1.number }
    }
    var subscriptionCount: Int { shared.withLock { $0.subscriptions.count } }
    var memory: Int { shared.withLock { $0.memory } }
    var currentRun: CurrentRun? { shared.withLock { $0.currentRun } }

    func log(_ level: LogLevel, _ message: String) {
        context.log(level, script: name, message)
        onLine?(level, message)
    }

    private func printed(_ line: String) {
        guard let onLine else { return say(.info, line) }
        onLine(nil, line)
    }

    /// A line that the script itself writes. On the lane.
    func say(_ level: LogLevel, _ message: String) {
        log(level, message)
        current?.note(line: "[\(level.label)] \(message)")
    }

    /// Counts one call of the API by the run that is at work. On the lane.
    func countCall() throws { try current?.countCall(limit: script.limits.calls) }

    var modules: [String: ScriptSource.Stamp?] { shared.withLock { $0.modules } }

    /// What is under way.
    var runStatus: [RunStatus] {
        let (runs, current) = shared.withLock { ($0.runs.values, $0.currentRun?.id) }
        return runs.map { RunStatus(id: $0.id, name: $0.name, started: $0.started, isAtWork: $0.id == current) }
            .sorted { $0.id < $1.id }
    }

    /// Stops runs from any thread, all without a number; how many there were.
    func kill(_ id: UInt64?, reason: String) -> Int {
        let found = shared.withLock { $0.runs.values.filter { id == nil || $0.id == id } }
        for run in found { run.requestStop(reason) }
        context.pool.submit(lane) { [self] in
            for run in found { stop(run, reason) }
        }
        return found.count
    }

    // MARK: - Life

    /// Runs the top level. `done` is told once that has ended, or sleeps for the first time, or has failed.
    func load(_ source: [UInt8], done: @escaping @Sendable (AutomationError?) -> Void) {
        onLoaded = done
        do {
            let state = try open()
            let chunk = try state.load(source, name: URL(fileURLWithPath: script.path).lastPathComponent)
            begin(chunk, role: .main, scheduled: context.clock.wall)
        } catch {
            loaded(AutomationError(.script, describe(error).message))
        }
    }

    /// Makes the Lua state, with everything that scripts can call.
    func open() throws -> LuaState {
        let limits = LuaLimits(
            memory: script.limits.memory, instructions: script.limits.instructions, burst: script.limits.burst)
        let folder = URL(fileURLWithPath: script.path).deletingLastPathComponent().path
        let modules = LuaModuleFolder(path: folder)
        let state = try LuaState(
            limits: limits, stopFlag: killFlag, print: { [unowned self] in printed($0) },
            modules: { [unowned self] name in
                if let path = modules.path(name) {
                    let stamp = ScriptSource.stamp(path)
                    shared.withLock { $0.modules[path] = .some(stamp) }
                }
                return try modules.source(name)
            })
        self.state = state
        try Library.install(in: state, for: self)
        return state
    }

    /// For calls that change something which is not the core's.
    func admitsChange(_ name: String) throws {
        if isReadOnly { throw LuaError("\(name): refused, this session is read-only") }
    }

    func loaded(_ error: AutomationError?) {
        guard let done = onLoaded else { return }
        onLoaded = nil
        if error != nil {
            let modules = modules
            close()
            // Whoever looks for changes has to know what the failed version asked for.
            shared.withLock { $0.modules = modules }
        }
        done(error)
    }

    /// Starts the schedules and subscriptions that the top level has registered. `reason` is why the script was loaded.
    func activate(reason: String) {
        guard phase == .loading else { return }
        phase = .active
        for schedule in schedules { activate(schedule) }
        for subscription in subscriptions {
            do { try activate(subscription) } catch { log(.warning, "\(subscription.name): \(error)") }
        }
        raise(ScriptEvent("start", [("reason", .string(reason))]))
    }

    /// Lets runs begin without any schedule.
    func rehearse() {
        if phase == .loading { phase = .active }
    }

    /// Ends the schedules and the sleeping runs, and calls the script's `on_stop` functions with the reason.
    func beginStop(_ reason: String) {
        guard phase == .active || phase == .loading else { return }
        phase = .stopping
        unscheduleAll()
        for run in runs where run.isIdle { stop(run, reason) }
        for run in runs { run.stopReason = run.stopReason ?? reason }
        for hook in stopHooks {
            begin(hook, role: .stopHook, scheduled: context.clock.wall, arguments: [.string(reason)])
        }
        let event = ScriptEvent("stop", [("reason", .string(reason))])
        for subscription in subscriptions {
            guard case .events(let filter) = subscription.source, filter.matches(event) else { continue }
            begin(
                subscription.function, role: .stopHook, scheduled: context.clock.wall, arguments: [event.table()])
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
        unscheduleAll()
        for run in runs { stop(run, run.stopReason ?? "the script was stopped") }
        stopHooks = []
        state?.close()
        state = nil
        shared.withLock { $0 = Shared() }
        noticeIdle()
        loaded(AutomationError(.closed, "\(name): stopped while it was loading"))
    }

    var isAbandoned: Bool { shared.withLock { $0.isAbandoned } }

    /// Takes the schedules out when the lane is dead and nothing of the rest can be touched any more.
    func abandon() {
        shared.withLock { $0.isAbandoned = true }
        unscheduleAll()
    }

    func noticeIdle() {
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

    func declare(_ settings: [ScriptSetting]) {
        shared.withLock { $0.settings = settings }
    }

    func remove(_ schedule: ScriptSchedule) {
        unschedule(schedule)
        shared.withLock { $0.schedules.removeAll { $0 === schedule } }
    }

    private func unscheduleAll() {
        for schedule in schedules { unschedule(schedule) }
        for subscription in subscriptions { subscription.cancel() }
    }

    private func unschedule(_ schedule: ScriptSchedule) {
        if let id = schedule.cancel() { context.scheduler.remove(id) }
    }

    /// Makes up for the times since the one that the store remembers. A schedule that the store does not know yet is known
    /// from now on; a date (`at`) that nobody has seen pass counts as missed.
    private func makeUpForDowntime(_ schedule: ScriptSchedule) -> Bool {
        guard schedule.missed != .skip else { return false }
        do {
            if let last = try context.store.lastTime(script: name, schedule: schedule.name) {
                return makeUp(schedule, after: last)
            }
        } catch {
            log(.warning, "\(schedule.name): \(error)")
        }
        if case .at = schedule.trigger { return makeUp(schedule, after: .distantPast) }
        if case .cron = schedule.trigger {
            context.store.noteTime(context.clock.wall, script: name, schedule: schedule.name)
        }
        return false
    }

    private func activate(_ schedule: ScriptSchedule) {
        let madeUp = makeUpForDowntime(schedule)
        if case .at(let date) = schedule.trigger, date.addingTimeInterval(schedule.jitter.seconds) <= context.clock.wall
        {
            // A date in the past, and nothing wrong with that: scripts are loaded again and again.
            if !madeUp { shared.withLock { $0.schedules.removeAll { $0 === schedule } } }
            return
        }
        do {
            let id = try context.scheduler.add(schedule.trigger, jitter: schedule.jitter) {
                [weak self, schedule] firing in
                self?.due(schedule, firing)
            }
            if !schedule.activated(as: id) { context.scheduler.remove(id) }
        } catch {
            log(.warning, "\(schedule.name): \(error)")
        }
    }
}
