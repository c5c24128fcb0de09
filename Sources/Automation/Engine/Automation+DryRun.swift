// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import Foundation
import LuaRuntime
import ProxyModel
import Synchronization

/// What a run would have done.
package struct DryRun: Sendable {
    package var record: RunRecord
    /// Changes of the core, requests and messages to others, then what would be different in the store.
    package var changes: [PlannedChange]
    /// What was logged, by the top level as well, such as `[Info] script/quota: text`.
    package var lines: [String]
}

extension Automation {
    /// Runs a schedule of the script, the first one unless it is named, in a Lua state of its own, and tells what it would
    /// change (see ``Rehearsal``). The script's file is read as it is now. Without a schedule only the top level runs.
    ///
    /// The script that is at work does not notice.
    package func dryRun(_ name: String, schedule: String? = nil) async throws -> DryRun {
        guard let script = script(named: name) else {
            throw AutomationError(.settings, "there is no script \"\(name)\"")
        }
        let trial = try TrialRun(of: script, context: currentContext, burst: settings.slack)
        defer { forget(trial.instance.lane) }
        if let error = await load(trial) { return trial.finish(trial.record("main", .failed, error.description)) }
        let schedules = trial.instance.schedules
        guard let chosen = schedule == nil ? schedules.first : schedules.first(where: { $0.name == schedule }) else {
            guard let schedule else { return trial.finish(trial.record("main", .ok)) }
            _ = trial.finish(nil)
            throw AutomationError(.script, "script \"\(name)\" has no schedule \"\(schedule)\"")
        }
        let record: RunRecord?? = await answer(from: trial.instance.lane) { once in
            trial.submit(
                {
                    trial.instance.rehearse()
                    trial.instance.runNow(chosen) { once.resume(.some($0)) }
                }, lost: { once.resume(nil) })
        }
        let wedged = trial.record(chosen.name, .killed, "given up: a burst did not end")
        return trial.finish((record ?? nil) ?? wedged)
    }

    /// Why a script would not be loaded, found by running its top level without any effect; nil if it would.
    func problem(of script: AutomationSettings.Script, in context: ScriptContext) async throws -> AutomationError? {
        let trial = try TrialRun(of: script, context: context, burst: settings.slack)
        defer { forget(trial.instance.lane) }
        let error = await load(trial)
        _ = trial.finish(nil)
        return error
    }

    private func load(_ trial: TrialRun) async -> AutomationError? {
        let source: [UInt8]
        do { source = try ScriptSource.read(trial.instance.script.path) } catch { return error }
        let error: AutomationError?? = await answer(from: trial.instance.lane) { once in
            trial.submit({ trial.instance.load(source) { once.resume(.some($0)) } }, lost: { once.resume(nil) })
        }
        return error ?? AutomationError(.script, "given up: a burst did not end")
    }
}

/// A script in a world in which nothing happens.
private final class TrialRun: Sendable {
    let instance: ScriptInstance
    private let rehearsal: Rehearsal
    private let lines: Lines

    private final class Lines: Sendable {
        private let list = Mutex<[String]>([])
        var all: [String] { list.withLock { $0 } }
        func add(_ line: String) { list.withLock { if $0.count < 1000 { $0.append(line) } } }
    }

    init(of script: AutomationSettings.Script, context: ScriptContext, burst slack: Duration) throws {
        let lines = Lines()
        self.lines = lines
        rehearsal = try Rehearsal(of: script.name, in: context, log: { lines.add("[\($0.label)] \($1)") })
        instance = ScriptInstance(
            script: script, context: rehearsal.context,
            lane: ScriptPool.Lane(name: "\(script.name) (dry run)", limit: script.limits.burst + slack))
    }

    func submit(_ body: @escaping @Sendable () -> Void, lost: @escaping @Sendable () -> Void) {
        instance.context.pool.submit(instance.lane, ScriptPool.Job(run: body, dropped: lost))
    }

    func record(_ schedule: String, _ outcome: RunRecord.Outcome, _ error: String = "") -> RunRecord {
        let now = instance.context.clock.wall
        return RunRecord(
            script: instance.name, schedule: schedule, scheduled: now, started: now, ended: now, outcome: outcome,
            error: error)
    }

    /// Frees the state and gathers what there is to tell.
    func finish(_ record: RunRecord?) -> DryRun {
        let changes = rehearsal.takeChanges()
        instance.killFlag.stop()
        submit({ [instance] in instance.close() }, lost: {})
        rehearsal.close()
        return DryRun(record: record ?? self.record("", .ok), changes: changes, lines: lines.all)
    }
}
