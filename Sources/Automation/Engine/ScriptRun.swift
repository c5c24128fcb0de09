// SPDX-License-Identifier: Apache-2.0
import Foundation
import LuaRuntime

/// One run of a script: a coroutine and what it waits for.
// Touched by jobs of the script's lane only, one after another.
final class ScriptRun: Hashable, @unchecked Sendable {
    enum Role {
        /// The top level of the file.
        case main
        case schedule(ScriptSchedule)
        case subscription(ScriptSubscription)
        case stopHook
    }

    enum Phase {
        case running
        case sleeping(ScheduleID?)
        case waiting(EventWaiter)
        case performing(Task<Void, Never>)
        case ended
    }

    let role: Role
    let scheduled: Date
    let started: Date
    let coroutine: LuaCoroutine
    var phase = Phase.running
    /// Why the run is being stopped.
    var stopReason: String?
    /// Told when the run has ended.
    var completions: [@Sendable (RunRecord) -> Void] = []

    init(role: Role, scheduled: Date, started: Date, coroutine: LuaCoroutine) {
        self.role = role
        self.scheduled = scheduled
        self.started = started
        self.coroutine = coroutine
    }

    var name: String {
        switch role {
        case .main: "main"
        case .schedule(let schedule): schedule.name
        case .subscription(let subscription): subscription.name
        case .stopHook: "on_stop"
        }
    }

    var hasEnded: Bool {
        if case .ended = phase { true } else { false }
    }

    /// Whether it waits for the clock or for an event, and not for the core.
    var isIdle: Bool {
        switch phase {
        case .sleeping, .waiting: true
        case .running, .performing, .ended: false
        }
    }

    static func == (left: ScriptRun, right: ScriptRun) -> Bool { left === right }
    func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
