// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import LuaRuntime
import ProxyModel
import Synchronization

/// A world in which nothing happens: calls that change the core are noted and not made, requests over HTTP are not sent, files are not
/// written, and the store is a copy.
final class Rehearsal: Sendable {
    /// For a script's instance.
    let context: ScriptContext
    private let recorder: ChangeRecorder
    private let script: String
    private let stored: Mutex<[StoredValue]>

    /// - Parameters:
    ///   - script: Whose values the store has.
    ///   - log: Takes the lines that would go to the core's log.
    init(of script: String, in context: ScriptContext, log: @escaping @Sendable (LogLevel, String) -> Void) throws {
        let before = try context.store.list(prefix: "", script: script, limit: .max)
        let clock = context.clock
        let store = try ScriptStore(path: nil, limits: context.store.limits, now: { clock.wall })
        try store.apply(before.map { .set(key: $0.key, json: $0.json, expires: $0.expires) }, script: script)
        let recorder = ChangeRecorder()
        var http = context.http
        http.client = http.client.map { _ in UnsentHTTP(recorder: recorder) }
        var inner = ScriptContext(
            control: recorder.plane(over: context.control), store: store, scheduler: context.scheduler,
            pool: context.pool, zone: context.zone, session: context.session, log: log, http: http,
            objects: context.objects)
        inner.files = context.files
        inner.recorder = recorder
        self.context = inner
        self.recorder = recorder
        self.script = script
        stored = Mutex(before)
    }

    /// What would be different since the last time: changes of the core, requests and messages to others, then the store.
    func takeChanges() -> [PlannedChange] {
        let after = (try? context.store.list(prefix: "", script: script, limit: .max)) ?? []
        let before = stored.withLock { stored in
            defer { stored = after }
            return stored
        }
        let old = Dictionary(before.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        let new = Set(after.map(\.key))
        let set = after.filter { old[$0.key] != $0 }.map { PlannedChange("store.set", "\($0.key) = \($0.json)") }
        let deleted = before.filter { !new.contains($0.key) }.map { PlannedChange("store.delete", $0.key) }
        return recorder.take() + set + deleted
    }

    func close() { context.store.close() }
}

/// Notes requests and sends none.
private struct UnsentHTTP: ScriptHTTPClient {
    let recorder: ChangeRecorder

    func send(_ request: ScriptHTTPRequest) async throws -> ScriptHTTPResponse {
        let body = request.body.isEmpty ? "" : " \(String(decoding: request.body.prefix(1000), as: UTF8.self))"
        recorder.note(PlannedChange("http.\(request.method)", request.url + body))
        throw AutomationError(.closed, "not sent, this is a dry run")
    }

    func shutdown() async {}
}
