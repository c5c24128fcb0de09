// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import Foundation
import LuaRuntime
package import ProxyModel
import Synchronization

/// Runs scripts on their schedules, over the control plane of the core that it lives in.
///
/// Scripts are apart from each other and from the core: each has a Lua state, limits and a corner of the store of its own, and what one
/// does wrong is told in the log and in its history and changes nothing for the others.
package actor Automation {
    struct Slot {
        var script: AutomationSettings.Script
        var lane: ScriptPool.Lane
        var instance: ScriptInstance?
        /// The version that is being loaded.
        var candidate: ScriptInstance?
        /// What `require` has asked for, as it was then.
        var modules: [String: ScriptSource.Stamp?] = [:]
        var phase: ScriptStatus.Phase
        var stamp: ScriptSource.Stamp?
        var version = 0
        var loaded: Date?
        var error: String?
        var isBusy = false
        /// Those who wait for the script, and how to tell them that it is lost.
        var waiters: [Int: @Sendable () -> Void] = [:]
    }

    var settings: AutomationSettings
    private let ownsHost: Bool
    nonisolated let context: ScriptContext
    var slots: [String: Slot] = [:]
    private var lastWaiter = 0
    /// Those who wait for a lane that belongs to no script, and are told when it is given up.
    private var strays: [ObjectIdentifier: @Sendable () -> Void] = [:]
    private var isStopping = false
    private var consoles: [ObjectIdentifier: ConsoleSession] = [:]

    /// How many subscriptions of a script are listed.
    private static let mostListed = 1000
    /// How long runs of an old version may go on after a reload.
    static let reloadGrace = Duration.seconds(5)
    /// How long a killed script has to come back before its thread is left to itself.
    private static let closeGrace = Duration.seconds(1)

    /// Opens the store, loads all scripts that are switched on, and starts their schedules. A script that cannot be loaded is told in
    /// the log and tried again when its file changes; only settings that contradict themselves and the store make this fail.
    ///
    /// - Parameter log: Receives lines for the error log; by default the core's own.
    package static func start(
        settings: AutomationSettings, control: any ControlPlane, clock: any AutomationClock = SystemClock(),
        log: (@Sendable (LogLevel, String) -> Void)? = nil
    ) async throws(AutomationError) -> Automation {
        let host = AutomationHost(
            store: try ScriptStore(path: settings.store, limits: settings.storeLimits, now: { clock.wall }),
            scheduler: Scheduler(clock: clock), pool: ScriptPool(threads: settings.threads, clock: clock),
            files: try settings.files.map { path throws(AutomationError) in
                try ScriptFolder(path: path, quota: settings.filesQuota)
            })
        let automation = try Automation(settings: settings, control: control, host: host, ownsHost: true, log: log)
        await automation.begin()
        return automation
    }

    /// Starts scripts on what their host gives, which is left as it is when they are stopped. Files are not watched, and neither are
    /// scripts that do not come back: what drives the host's clock waits for them.
    static func start(
        settings: AutomationSettings, control: any ControlPlane, host: AutomationHost,
        log: @escaping @Sendable (LogLevel, String) -> Void
    ) async throws(AutomationError) -> Automation {
        let automation = try Automation(settings: settings, control: control, host: host, ownsHost: false, log: log)
        await automation.begin()
        return automation
    }

    private init(
        settings: AutomationSettings, control: any ControlPlane, host: AutomationHost, ownsHost: Bool,
        log: (@Sendable (LogLevel, String) -> Void)?
    ) throws(AutomationError) {
        self.settings = settings
        self.ownsHost = ownsHost
        let store = host.store
        let switches: [String: Bool]
        do {
            switches = try store.scriptSwitches()
        } catch {
            throw AutomationError(.store, "the store cannot be read", cause: error)
        }
        var context = ScriptContext(
            control: control, store: store, scheduler: host.scheduler, pool: host.pool, zone: settings.zone,
            session: settings.session, log: log ?? { control.writeLog($0, $1) }, http: settings.http,
            objects: settings.objects)
        context.files = host.files
        self.context = context
        for script in settings.scripts {
            guard !script.name.isEmpty, slots[script.name] == nil else {
                throw AutomationError(.settings, "duplicate script name: \(script.name)")
            }
            let isOn = switches[script.name] ?? script.isEnabled
            slots[script.name] = Slot(
                script: script, lane: Self.lane(script, settings), phase: isOn ? .loading : .disabled)
        }
    }

    static func lane(_ script: AutomationSettings.Script, _ settings: AutomationSettings) -> ScriptPool.Lane {
        ScriptPool.Lane(name: script.name, limit: script.limits.burst + settings.slack)
    }

    private func begin() async {
        if ownsHost { schedule(every: .seconds(1)) { automation in await automation.watch() } }
        await withTaskGroup(of: Void.self) { group in
            for (name, slot) in slots where slot.phase == .loading { group.addTask { await self.load(name) } }
        }
        if ownsHost, let interval = settings.reload { schedule(every: interval) { await $0.checkFiles() } }
    }

    private func schedule(every interval: Duration, _ body: @escaping @Sendable (Automation) async -> Void) {
        _ = try? context.scheduler.add(.every(interval)) { [weak self, pool = context.pool] _ in
            pool.wentAway()
            Task {
                if let self { await body(self) }
                pool.cameBack()
            }
        }
    }

    // MARK: - Questions and orders

    /// All scripts by name.
    package func status() -> [ScriptStatus] {
        slots.keys.sorted().compactMap { status(of: $0) }
    }

    package func status(of name: String) -> ScriptStatus? {
        guard let slot = slots[name] else { return nil }
        let schedules = slot.instance?.schedules.map { schedule in
            var status = schedule.status
            status.next = schedule.id.flatMap { context.scheduler.next(of: $0) }
            return status
        }
        let subscriptions = slot.instance?.subscriptions.prefix(Self.mostListed).map(\.status)
        return ScriptStatus(
            name: name, path: slot.script.path, phase: slot.phase, version: slot.version, loaded: slot.loaded,
            error: slot.error, memory: slot.instance?.memory ?? 0, schedules: schedules ?? [],
            runs: (slot.instance?.runStatus ?? []) + (slot.candidate?.runStatus ?? []),
            settings: slot.instance?.declaredSettings ?? [], subscriptions: subscriptions ?? [],
            subscriptionCount: slot.instance?.subscriptionCount ?? 0)
    }

    /// Past runs, the newest first; of all scripts without a name. Blocks for a disk access.
    package nonisolated func history(script: String? = nil, limit: Int = 50) throws -> [RunRecord] {
        try context.store.history(script: script, limit: limit)
    }

    /// Runs a schedule of the script now, the first one unless it is named, and waits for its end.
    package func runNow(_ name: String, schedule: String? = nil) async throws -> RunRecord {
        guard let slot = slots[name] else { throw AutomationError(.settings, "there is no script \"\(name)\"") }
        guard let instance = slot.instance, slot.phase == .running else {
            throw AutomationError(.script, "script \"\(name)\" is \(slot.phase.rawValue)")
        }
        let schedules = instance.schedules
        guard let chosen = schedule == nil ? schedules.first : schedules.first(where: { $0.name == schedule }) else {
            throw AutomationError(.script, "script \"\(name)\" has no schedule \"\(schedule ?? "")\"")
        }
        let record: RunRecord?? = await wait(for: name) { [context] once in
            context.pool.submit(
                instance.lane,
                ScriptPool.Job(
                    run: { instance.runNow(chosen) { once.resume(.some($0)) } }, dropped: { once.resume(nil) }))
        }
        guard let answer = record else { throw AutomationError(.closed, "script \"\(name)\" was given up") }
        guard let record = answer else {
            throw AutomationError(.limit, "script \"\(name)\": \(chosen.name) is still busy")
        }
        return record
    }

    /// Stops what a script is doing, also in the middle of a loop: the run of that number, or all. Its schedules go on. How many
    /// runs there were.
    @discardableResult
    package func kill(_ name: String, run: UInt64? = nil) throws -> Int {
        guard let slot = slots[name] else { throw AutomationError(.settings, "there is no script \"\(name)\"") }
        let reason = "killed from outside"
        return [slot.instance, slot.candidate].compactMap { $0?.kill(run, reason: reason) }.reduce(0, +)
    }

    /// Switches a script on or off, for good: the store remembers it.
    package func setEnabled(_ isEnabled: Bool, script name: String) async throws {
        guard let slot = slots[name] else { throw AutomationError(.settings, "there is no script \"\(name)\"") }
        try context.store.setEnabled(isEnabled, script: name)
        if isEnabled {
            guard slot.phase == .disabled else { return }
            slots[name]?.phase = .loading
            await load(name)
        } else {
            let instance = slot.instance
            slots[name]?.phase = .disabled
            slots[name]?.instance = nil
            if let instance { await retire(instance, reason: "disabled", grace: Self.reloadGrace) }
        }
    }

    /// Loads the script anew, whether its file has changed or not; false when the old version stays.
    @discardableResult
    package func reload(_ name: String) async -> Bool {
        guard let slot = slots[name], slot.phase != .disabled else { return false }
        return await load(name)
    }

    /// Ends the runs of a script that are under way; its schedules go on. How many there were.
    @discardableResult
    package func kill(_ name: String, reason: String) async throws -> Int {
        guard let slot = slots[name] else { throw AutomationError(.settings, "there is no script \"\(name)\"") }
        guard let instance = slot.instance else { return 0 }
        // What runs this moment holds the lane: it is stopped from here, and has ended before the lane comes to the rest.
        let running = instance.shared.withLock { Array($0.runs.values) }
        for run in running { run.requestStop(reason) }
        let _: Void? = await wait(for: name) { [context] once in
            context.pool.submit(
                instance.lane,
                ScriptPool.Job(
                    run: {
                        for run in running { instance.stop(run, reason) }
                        once.resume(())
                    }, dropped: { once.resume(nil) }))
        }
        return running.count
    }

    // MARK: - Log

    /// The last log lines of a script, or of all, whatever the core's log level is: at most 500 of each.
    package nonisolated func logLines(script: String? = nil, last: Int) -> [ScriptLogLine] {
        context.journal.last(last, script: script)
    }

    /// Those lines, and then all that follow until the automation stops. Who is slow loses lines.
    package nonisolated func followLog(script: String? = nil, last: Int) -> AsyncStream<ScriptLogLine> {
        context.journal.follow(last: last, script: script)
    }

    /// Writes a line about a script to its log and the core's: what was done to it, and by whom.
    package nonisolated func note(_ message: String, script: String) {
        context.log(.info, script: script, message)
    }

    // MARK: - Sessions

    /// Opens a session at a prompt: a Lua state of its own, confined and limited as a script is.
    ///
    /// - Parameters:
    ///   - caller: Who makes its changes, for the core's log.
    ///   - mode: Whether calls that would change anything do so.
    ///   - onLine: Takes what is printed or logged, also by schedules that the session registers, on a script's thread.
    package func openConsole(
        caller: ControlCaller, mode: ConsoleMode = .full, onLine: @escaping @Sendable (ConsoleLine) -> Void
    ) async throws -> ConsoleSession {
        guard !isStopping else { throw AutomationError(.closed, "the automation is stopping") }
        guard consoles.count < Self.mostConsoles else {
            throw AutomationError(.limit, "there are \(Self.mostConsoles) sessions already")
        }
        var script = AutomationSettings.Script(name: "console", path: "")
        script.limits = settings.consoleLimits
        let lane = Self.lane(script, settings)
        let console = try ConsoleSession(
            script: script, context: currentContext, lane: lane, caller: caller, mode: mode,
            onLine: onLine, onClose: { [weak self] in await self?.closed(lane) })
        consoles[ObjectIdentifier(lane)] = console
        do {
            try await console.open()
        } catch {
            consoles[ObjectIdentifier(lane)] = nil
            throw error
        }
        return console
    }

    private func closed(_ lane: ScriptPool.Lane) { consoles[ObjectIdentifier(lane)] = nil }

    private static let mostConsoles = 20

    /// Ends everything: schedules at once, runs that sleep at once, other runs after `grace` at the latest.
    package func stop(grace: Duration = .seconds(5)) async {
        guard !isStopping else { return }
        isStopping = true
        await withTaskGroup(of: Void.self) { group in
            for slot in slots.values {
                guard let instance = slot.instance else { continue }
                group.addTask { await self.retire(instance, reason: "stop", grace: grace) }
            }
        }
        for name in slots.keys {
            slots[name]?.instance = nil
            slots[name]?.phase = .stopped
        }
        for console in consoles.values { await console.close() }
        context.journal.close()
        guard ownsHost else { return }
        await settings.http.client?.shutdown()
        context.scheduler.stop()
        context.pool.stop()
        context.store.close()
    }

    /// Returns when no script runs, and none waits for anything but the clock.
    package nonisolated func quiet() async { await context.pool.quiet() }

    /// Returns when what was due by now has run, to its end or to a wait for something other than the core, and after `limit` at the
    /// latest. What scripts do at once when they are loaded is done then.
    package func settle(atMost limit: Duration) async {
        let now = context.clock.wall
        let end = ContinuousClock.now + limit
        // A run that its schedule has just let go is in no list for a moment.
        var seen = 0
        while seen < 2, ContinuousClock.now < end {
            seen = context.pool.isQuiet && !hasSchedule(dueAt: now) ? seen + 1 : 0
            try? await Task.sleep(for: .milliseconds(1))
        }
    }

    private func hasSchedule(dueAt moment: Date) -> Bool {
        slots.values.contains { slot in
            slot.instance?.schedules.contains { schedule in
                schedule.id.flatMap { context.scheduler.next(of: $0) }.map { $0 <= moment } ?? false
            } ?? false
        }
    }

    // MARK: - Loading

    /// What the next script that is loaded gets.
    var currentContext: ScriptContext {
        var context = context
        context.http = settings.http
        return context
    }

    @discardableResult
    func load(_ name: String) async -> Bool {
        guard let slot = slots[name], !slot.isBusy, !isStopping else { return false }
        slots[name]?.isBusy = true
        defer { slots[name]?.isBusy = false }
        slots[name]?.stamp = ScriptSource.stamp(slot.script.path)
        if slot.lane.isDead { slots[name]?.lane = Self.lane(slot.script, settings) }
        guard let lane = slots[name]?.lane else { return false }
        let instance = ScriptInstance(script: slot.script, context: currentContext, lane: lane)
        slots[name]?.candidate = instance
        for (path, _) in slot.modules { slots[name]?.modules[path] = .some(ScriptSource.stamp(path)) }
        defer {
            slots[name]?.candidate = nil
            slots[name]?.modules.merge(instance.modules) { _, new in new }
        }
        let lost = AutomationError(.script, "given up: a burst did not end")
        do {
            let source = try ScriptSource.read(slot.script.path)
            let error: AutomationError?? = await wait(for: name) { [context] once in
                context.pool.submit(
                    lane,
                    ScriptPool.Job(
                        run: { instance.load(source) { once.resume(.some($0)) } }, dropped: { once.resume(nil) }))
            }
            if let error = error ?? lost { return failed(name, error) }
        } catch {
            return failed(name, error)
        }
        // Meanwhile it may have been switched off, or taken out, and another one of the name put in.
        guard !isStopping, let now = slots[name], now.phase != .disabled, now.candidate === instance else {
            await retire(instance, reason: "stop", grace: .zero)
            return false
        }
        let reason = slots[name]?.loaded == nil ? "start" : slots[name]?.instance == nil ? "enabled" : "reload"
        replace(name, with: instance)
        let _: Void? = await wait(for: name) { [context] once in
            context.pool.submit(
                lane,
                ScriptPool.Job(
                    run: {
                        instance.activate(reason: reason)
                        once.resume(())
                    }, dropped: { once.resume(nil) }))
        }
        return true
    }

    private func replace(_ name: String, with instance: ScriptInstance) {
        let old = slots[name]?.instance
        slots[name]?.instance = instance
        slots[name]?.phase = .running
        slots[name]?.error = nil
        slots[name]?.version += 1
        slots[name]?.loaded = context.clock.wall
        let subscriptions = instance.subscriptionCount
        let schedules = instance.schedules.count
        var counts = "\(schedules) \(schedules == 1 ? "schedule" : "schedules")"
        if subscriptions > 0 { counts += ", \(subscriptions) \(subscriptions == 1 ? "subscription" : "subscriptions")" }
        instance.log(.info, "\(old == nil ? "loaded" : "reloaded"), \(counts)")
        if let old {
            Task { await retire(old, reason: "reload", grace: Self.reloadGrace) }
        }
    }

    private func failed(_ name: String, _ error: AutomationError) -> Bool {
        guard let slot = slots[name] else { return false }
        slots[name]?.error = error.description
        let goesOn = slot.instance != nil
        if !goesOn, slot.phase != .wedged, slot.phase != .disabled { slots[name]?.phase = .failed }
        let text = goesOn ? "not reloaded, the version before goes on" : "not loaded"
        context.log(.error, script: name, "\(text): \(error)")
        return false
    }

    private func checkFiles() async {
        for (name, slot) in slots where slot.phase != .disabled && !slot.isBusy && !isStopping {
            // A file that is gone is left alone: editors and deployments replace files in two steps.
            let changed = { (path: String, known: ScriptSource.Stamp?) in
                ScriptSource.stamp(path).map { $0 != known } ?? false
            }
            guard changed(slot.script.path, slot.stamp) || slot.modules.contains(where: { changed($0.key, $0.value) })
            else { continue }
            await load(name)
        }
    }

    // MARK: - Ending

    func retire(_ instance: ScriptInstance, reason: String, grace: Duration) async {
        let pool = context.pool
        await wait(atMost: grace) { done in
            pool.submit(
                instance.lane,
                ScriptPool.Job(
                    run: {
                        instance.beginStop(reason)
                        instance.whenIdle(done)
                    }, dropped: done))
        }
        instance.killFlag.stop()
        await wait(atMost: Self.closeGrace) { done in
            pool.submit(
                instance.lane,
                ScriptPool.Job(
                    run: {
                        instance.close()
                        done()
                    }, dropped: done))
        }
    }

    /// Gives up scripts whose burst does not end.
    private func watch() {
        for lane in context.pool.giveUpWedged() {
            consoles.removeValue(forKey: ObjectIdentifier(lane))?.lost()
            guard let (name, slot) = slots.first(where: { $0.value.lane === lane }) else {
                strays.removeValue(forKey: ObjectIdentifier(lane))?()
                continue
            }
            let run = slot.instance?.currentRun
            let now = context.clock.wall
            let text = "wedged: a burst did not end within \(lane.limit.text); its thread is left to itself"
            context.store.record(
                RunRecord(
                    script: name, schedule: run?.name ?? "main", scheduled: run?.scheduled ?? now,
                    started: run?.started ?? now, ended: now, outcome: .killed, error: text))
            context.log(.error, script: name, "\(run?.name ?? "main") \(text)")
            slot.instance?.killFlag.stop()
            slot.instance?.abandon()
            slots[name]?.instance = nil
            slots[name]?.phase = .wedged
            slots[name]?.error = text
            let waiters = slot.waiters.values
            slots[name]?.waiters = [:]
            for waiter in waiters { waiter() }
        }
    }

    // MARK: - Waiting

    /// Waits for an answer from the script's lane; nil when the script is given up meanwhile.
    private func wait<Value: Sendable>(
        for name: String, _ body: @Sendable (Once<Value?>) -> Void
    ) async -> Value? {
        lastWaiter += 1
        let number = lastWaiter
        defer { slots[name]?.waiters[number] = nil }
        return await withCheckedContinuation { continuation in
            let once = Once<Value?>(continuation)
            slots[name]?.waiters[number] = { once.resume(nil) }
            body(once)
        }
    }

    /// Waits for an answer from a lane that belongs to no script; nil when it is given up.
    func answer<Value: Sendable>(
        from lane: ScriptPool.Lane, _ body: @Sendable (Once<Value?>) -> Void
    ) async -> Value? {
        await withCheckedContinuation { continuation in
            let once = Once<Value?>(continuation)
            strays[ObjectIdentifier(lane)] = { once.resume(nil) }
            body(once)
        }
    }

    func forget(_ lane: ScriptPool.Lane) { strays[ObjectIdentifier(lane)] = nil }

    func script(named name: String) -> AutomationSettings.Script? { slots[name]?.script }

    private func wait(atMost limit: Duration, _ body: (@escaping @Sendable () -> Void) -> Void) async {
        await withCheckedContinuation { continuation in
            let once = Once<Void>(continuation)
            let timer = try? context.scheduler.add(.after(limit)) { _ in once.resume(()) }
            let scheduler = context.scheduler
            body {
                if let timer { scheduler.remove(timer) }
                once.resume(())
            }
            if timer == nil { once.resume(()) }
        }
    }
}
