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
    /// change: calls that change the core are noted and not made, requests over HTTP are not sent, and the store is a copy. The script's
    /// file is read as it is now. Without a schedule only the top level runs.
    ///
    /// The script that is at work does not notice.
    package func dryRun(_ name: String, schedule: String? = nil) async throws -> DryRun {
        guard let script = script(named: name) else {
            throw AutomationError(.settings, "there is no script \"\(name)\"")
        }
        let source = try ScriptSource.read(script.path)
        let rehearsal = try Rehearsal(of: script, context: context, burst: settings.slack)
        let lane = rehearsal.instance.lane
        defer { forget(lane) }
        let loaded: AutomationError?? = await answer(from: lane) { once in
            rehearsal.submit({ rehearsal.instance.load(source) { once.resume(.some($0)) } }, lost: { once.resume(nil) })
        }
        let now = context.clock.wall
        if let error = loaded ?? AutomationError(.script, "given up: a burst did not end") {
            return rehearsal.finish(
                RunRecord(
                    script: name, schedule: "main", scheduled: now, started: now, ended: now, outcome: .failed,
                    error: error.description))
        }
        let schedules = rehearsal.instance.schedules
        let wanted = schedule == nil ? schedules.first : schedules.first { $0.name == schedule }
        guard let chosen = wanted else {
            guard let schedule else {
                return rehearsal.finish(
                    RunRecord(
                        script: name, schedule: "main", scheduled: now, started: now, ended: now, outcome: .ok))
            }
            _ = rehearsal.finish(nil)
            throw AutomationError(.script, "script \"\(name)\" has no schedule \"\(schedule)\"")
        }
        let record: RunRecord?? = await answer(from: lane) { once in
            rehearsal.submit(
                {
                    rehearsal.instance.rehearse()
                    rehearsal.instance.runNow(chosen) { once.resume(.some($0)) }
                }, lost: { once.resume(nil) })
        }
        let wedged = RunRecord(
            script: name, schedule: chosen.name, scheduled: now, started: now, ended: context.clock.wall,
            outcome: .killed, error: "given up: a burst did not end")
        return rehearsal.finish((record ?? nil) ?? wedged)
    }
}

/// A script in a world in which nothing happens.
private final class Rehearsal: Sendable {
    let instance: ScriptInstance
    private let control: RecordingControl
    private let store: ScriptStore
    private let before: [StoredValue]
    private let lines: Lines

    private final class Lines: Sendable {
        private let list = Mutex<[String]>([])
        var all: [String] { list.withLock { $0 } }
        func add(_ line: String) { list.withLock { if $0.count < 1000 { $0.append(line) } } }
    }

    init(of script: AutomationSettings.Script, context: ScriptContext, burst slack: Duration) throws {
        let control = RecordingControl(context.control)
        let before = try context.store.list(prefix: "", script: script.name, limit: .max)
        let clock = context.clock
        let store = try ScriptStore(path: nil, limits: context.store.limits, now: { clock.wall })
        try store.apply(before.map { .set(key: $0.key, json: $0.json, expires: $0.expires) }, script: script.name)
        let lines = Lines()
        (self.control, self.before, self.store, self.lines) = (control, before, store, lines)
        var http = context.http
        http.client = http.client.map { _ in UnsentHTTP(control: control) }
        var inner = ScriptContext(
            control: control, store: store, scheduler: context.scheduler, pool: context.pool, zone: context.zone,
            session: context.session, log: { lines.add("[\($0.label)] \($1)") }, http: http,
            objects: context.objects)
        inner.files = context.files
        inner.recorder = control
        instance = ScriptInstance(
            script: script, context: inner,
            lane: ScriptPool.Lane(name: "\(script.name) (dry run)", limit: script.limits.burst + slack))
    }

    func submit(_ body: @escaping @Sendable () -> Void, lost: @escaping @Sendable () -> Void) {
        instance.context.pool.submit(instance.lane, ScriptPool.Job(run: body, dropped: lost))
    }

    /// Frees the state and gathers what there is to tell.
    func finish(_ record: RunRecord?) -> DryRun {
        let name = instance.name
        let after = (try? store.list(prefix: "", script: name, limit: .max)) ?? []
        instance.killFlag.stop()
        submit({ [instance] in instance.close() }, lost: {})
        store.close()
        let now = instance.context.clock.wall
        let empty = RunRecord(script: name, schedule: "", scheduled: now, started: now, ended: now, outcome: .ok)
        return DryRun(record: record ?? empty, changes: control.changes + difference(after), lines: lines.all)
    }

    private func difference(_ after: [StoredValue]) -> [PlannedChange] {
        let old = Dictionary(before.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        let new = Set(after.map(\.key))
        let set = after.filter { old[$0.key] != $0 }.map { PlannedChange("store.set", "\($0.key) = \($0.json)") }
        let deleted = before.filter { !new.contains($0.key) }.map { PlannedChange("store.delete", $0.key) }
        return set + deleted
    }
}

/// Notes requests and sends none.
private struct UnsentHTTP: ScriptHTTPClient {
    let control: RecordingControl

    func send(_ request: ScriptHTTPRequest) async throws -> ScriptHTTPResponse {
        let body = request.body.isEmpty ? "" : " \(String(decoding: request.body.prefix(1000), as: UTF8.self))"
        control.note(PlannedChange("http.\(request.method)", request.url + body))
        throw AutomationError(.closed, "not sent, this is a dry run")
    }

    func shutdown() async {}
}
