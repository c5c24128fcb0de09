// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import LuaRuntime
import ProxyModel

/// What all scripts share.
struct ScriptContext: Sendable {
    var control: any ControlPlane
    let store: ScriptStore
    let scheduler: Scheduler
    let pool: ScriptPool
    let zone: TimeZone
    let session: String
    let log: @Sendable (LogLevel, String) -> Void
    /// Where scripts may keep files; nil = nowhere.
    var files: ScriptFolder?
    var http = ScriptHTTPSettings()
    var objects: ConfigurationObjects?
    /// Set in a rehearsal: it is told of what is not done.
    var recorder: ChangeRecorder?
    /// What scripts can call beyond the library.
    var installMore: @Sendable (LuaState, ScriptInstance) throws -> Void = { _, _ in }
    var journal = ScriptLog()

    /// One line of a script: into the core's log, and to those who follow the scripts' one.
    func log(_ level: LogLevel, script: String, _ message: String) {
        journal.append(level, script: script, message, at: clock.wall)
        log(level, "script/\(script): \(message)")
    }

    var clock: any AutomationClock { scheduler.clock }
}

/// What a run waits for. Host functions yield it.
enum ScriptWait: Sendable {
    case sleep(Duration)
    /// The first event that fits; nil after the time-out.
    case event(EventFilter, Duration?)
    /// The end of a run that the script has started.
    case task(SpawnedTask)
    /// Carried out off the script's thread.
    case perform(@Sendable () async throws -> ScriptAnswer)
}

/// What a wait gives to the script: it pushes values and tells how many, on the script's thread.
struct ScriptAnswer: Sendable {
    let push: @Sendable (LuaCall) throws -> Int

    init(push: @escaping @Sendable (LuaCall) throws -> Int) { self.push = push }

    static let nothing = ScriptAnswer { _ in 0 }
}
