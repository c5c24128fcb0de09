// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import Foundation
import ProxyModel
import Synchronization

/// The world of one test: a core without a network, a clock that stands still, a store in memory, and the scripts that run there.
///
/// Used by one test, one call after another.
final class ScriptStage: Sendable {
    /// A line that a script has logged.
    struct Line: Sendable {
        var script: String
        var level: LogLevel
        var text: String
    }

    private struct Running: Sendable {
        var script: AutomationSettings.Script
        var automation: Automation
    }

    private struct State {
        /// In the order in which they were started.
        var running: [Running] = []
        var lines: [Line] = []
        var configuration = ScriptStage.plainConfiguration
        var processes = 1
        var zone = TimeZone.gmt
        /// Who waits for the scripts to come to rest, and since when.
        var waiting: (Once<Bool>, since: ContinuousClock.Instant)?
        var watchdog: Task<Void, Never>?
    }

    /// What a test has that configures nothing.
    private static let plainConfiguration = """
        {
          "stats": {}, "routing": {}, "policy": { "levels": { "0": {} } },
          "outbounds": [{ "tag": "direct", "protocol": "freedom" }, { "tag": "blocked", "protocol": "blackhole" }]
        }
        """
    /// How long, in real time, a script may be at work before a test gives up on it.
    static let patience = Duration.seconds(30)

    let clock: StageClock
    let control: StageControl
    let http = StageHTTP()
    /// For the files and logs of this test.
    private let folder: URL
    private let makeCore: StageCoreFactory
    private let host: AutomationHost
    private let state = Mutex(State())

    init(at wall: Date, makeCore: @escaping StageCoreFactory) async throws {
        let clock = StageClock(at: wall)
        self.clock = clock
        self.makeCore = makeCore
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("tidegate-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        host = AutomationHost(
            store: try ScriptStore(path: nil, now: { clock.wall }), scheduler: Scheduler(clock: clock, isDriven: true),
            pool: ScriptPool(threads: 2, clock: clock),
            files: try ScriptFolder(path: folder.appendingPathComponent("files").path, quota: 10 << 20))
        control = StageControl(try await makeCore(Self.plainConfiguration, folder, { clock.wall }))
        let watchdog = Task { [weak self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                self?.endPatience()
            }
        }
        state.withLock { $0.watchdog = watchdog }
    }

    private func endPatience() {
        guard let waiting = state.withLock({ $0.waiting }), ContinuousClock.now - waiting.since > Self.patience else {
            return
        }
        waiting.0.resume(false)
    }

    var core: any RehearsedCore { control.core }
    var files: ScriptFolder? { host.files }
    var lines: [Line] { state.withLock { $0.lines } }
    var zone: TimeZone { state.withLock { $0.zone } }

    /// Ends the scripts, the core and the threads.
    func end() async {
        for running in state.withLock({ $0.running }) { await stop(running.automation) }
        state.withLock { $0.watchdog }?.cancel()
        await core.end()
        host.scheduler.stop()
        host.pool.stop()
        host.store.close()
        try? FileManager.default.removeItem(at: folder)
    }

    // MARK: - The core

    /// Replaces the core by one of this configuration (JSON); only before scripts run.
    func configure(_ configuration: String) async throws {
        guard state.withLock({ $0.running.isEmpty }) else {
            throw AutomationError(.settings, "core: to be configured before the first script")
        }
        state.withLock { $0.configuration = configuration }
        try await replaceCore()
    }

    private func replaceCore() async throws {
        let clock = clock
        let core = try await makeCore(state.withLock { $0.configuration }, folder, { clock.wall })
        await control.core.end()
        await core.pass(to: clock.uptime)
        control.core = core
    }

    /// The process ends and starts again: counters at zero, users as configured, scripts loaded anew over the same store.
    func restart() async throws {
        let scripts = state.withLock { state in
            defer { state.running = [] }
            return state.running
        }
        for running in scripts { await stop(running.automation) }
        try await replaceCore()
        state.withLock { $0.processes += 1 }
        for running in scripts { try await start(running.script) }
    }

    // MARK: - Scripts

    /// Starts a script and lets it do what it does at once.
    func start(_ script: AutomationSettings.Script) async throws {
        guard !state.withLock({ $0.running.contains { $0.script.name == script.name } }) else {
            throw AutomationError(
                .settings, "a script \"\(script.name)\" runs already; give this one a name of its own")
        }
        var settings = AutomationSettings()
        settings.scripts = [script]
        settings.http.allow = ["*"]
        settings.http.client = http
        (settings.zone, settings.session) = state.withLock { ($0.zone, "process \($0.processes)") }
        let automation = try await Automation.start(settings: settings, control: control.plane, host: host) {
            level, text in
            let prefix = "script/\(script.name): "
            let text = text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text
            self.state.withLock { $0.lines.append(Line(script: script.name, level: level, text: text)) }
        }
        let status = await automation.status(of: script.name)
        guard status?.phase == .running else {
            await stop(automation)
            var error = status?.error?.split(separator: " (stack traceback:").first.map(String.init)
            if let problem = error, problem.hasPrefix("settings: ") {
                error = "\(URL(fileURLWithPath: script.path).lastPathComponent): \(problem)"
            }
            throw AutomationError(.script, error ?? "the script did not load")
        }
        state.withLock { $0.running.append(Running(script: script, automation: automation)) }
        try await advance(by: .zero)
    }

    func stop(_ name: String) async throws {
        let automation = try running(name)
        state.withLock { $0.running.removeAll { $0.script.name == name } }
        await stop(automation)
    }

    /// False when the new version could not be loaded.
    func reload(_ name: String) async throws -> Bool {
        let isLoaded = await (try running(name)).reload(name)
        try await advance(by: .zero)
        return isLoaded
    }

    func run(_ name: String, schedule: String?) async throws -> RunRecord {
        let record = try await running(name).runNow(name, schedule: schedule)
        try await settle()
        return record
    }

    func stored(_ key: String, script: String) throws -> StoredValue? {
        try host.store.value(key, script: script)
    }

    func storedKeys(_ prefix: String, script: String) throws -> [String] {
        try host.store.list(prefix: prefix, script: script).map(\.key)
    }

    private func running(_ name: String) throws -> Automation {
        guard let running = state.withLock({ $0.running.first { $0.script.name == name } }) else {
            throw AutomationError(.settings, "no script \"\(name)\" runs")
        }
        return running.automation
    }

    /// Runs that wait for the clock end at once, so that the clock can stand still; it is moved only for what does not come back in some
    /// seconds of real time.
    private func stop(_ automation: Automation) async {
        let begun = ContinuousClock.now
        let hasEnded = Mutex(false)
        Task {
            await automation.stop()
            hasEnded.withLock { $0 = true }
        }
        while !hasEnded.withLock({ $0 }) {
            try? await Task.sleep(for: .milliseconds(1))
            guard ContinuousClock.now - begun > .seconds(5), let due = host.scheduler.nextDue else { continue }
            clock.move(to: due)
            host.scheduler.runDue()
        }
    }

    // MARK: - Time

    /// Lets time pass: from one thing that is due to the next, each done and come to rest before the clock moves on.
    func advance(by duration: Duration) async throws {
        let target = clock.uptime + duration
        try await settle()
        while let due = host.scheduler.nextDue, due <= target {
            clock.move(to: due)
            await core.pass(to: clock.uptime)
            host.scheduler.runDue()
            try await settle()
        }
        clock.move(to: target)
        await core.pass(to: clock.uptime)
        try await settle()
    }

    func setCalendar(to wall: Date, zone: TimeZone) {
        clock.setCalendar(to: wall)
        state.withLock { $0.zone = zone }
    }

    /// Returns when no script is at work any more.
    func settle() async throws {
        let isQuiet = await withCheckedContinuation { continuation in
            let once = Once<Bool>(continuation)
            state.withLock { $0.waiting = (once, ContinuousClock.now) }
            host.pool.whenQuiet { once.resume(true) }
        }
        state.withLock { $0.waiting = nil }
        guard isQuiet else {
            throw AutomationError(
                .limit,
                "a script did not come to rest within \(Self.patience.text): it waits for what never comes, or works on"
            )
        }
    }
}

/// Makes a core from a configuration (JSON), without a network, whose calendar is the given one. Log files that the configuration names
/// are made in the folder.
package typealias StageCoreFactory =
    @Sendable (_ configuration: String, _ folder: URL, _ wall: @escaping @Sendable () -> Date) async throws
    -> any RehearsedCore
