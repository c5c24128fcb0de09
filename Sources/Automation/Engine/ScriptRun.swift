// SPDX-License-Identifier: Apache-2.0
import Foundation
import LuaRuntime
import Synchronization

/// One run of a script: a coroutine and what it waits for.
// Touched by jobs of the script's lane only, one after another.
final class ScriptRun: Hashable, @unchecked Sendable {
    enum Role {
        /// The top level of the file.
        case main
        case schedule(ScriptSchedule)
        case subscription(ScriptSubscription)
        case task(SpawnedTask)
        case stopHook
        /// What somebody typed; told how it ended.
        case console(@Sendable (ConsoleOutcome) -> Void)

        var name: String {
            switch self {
            case .main: "main"
            case .schedule(let schedule): schedule.name
            case .subscription(let subscription): subscription.name
            case .task: "task"
            case .stopHook: "on_stop"
            case .console: "console"
            }
        }
    }

    enum Phase {
        case running
        case sleeping(ScheduleID?)
        case waiting(EventWaiter)
        case performing(Task<Void, Never>)
        case ended
    }

    private static let lastID = Atomic<UInt64>(0)

    /// Unique in the process.
    let id = ScriptRun.lastID.wrappingAdd(1, ordering: .relaxed).newValue
    let role: Role
    let scheduled: Date
    let started: Date
    let coroutine: LuaCoroutine
    var phase = Phase.running
    /// Why the run is being stopped.
    var stopReason: String?
    /// Ends the run when it has lasted as long as it may.
    var timer: ScheduleID?
    private(set) var calls = 0
    /// Processor time, in nanoseconds.
    var cpu: Int64 = 0
    var memory = 0
    private(set) var lines: [String] = []
    private var lineBytes = 0
    // Set by whoever stops the run from another thread, before the flag.
    private let stopRequest = Mutex<String?>(nil)

    private static let mostLines = 100
    private static let mostLineBytes = 16 << 10

    var results: [LuaValue] = []
    /// Told when the run has ended.
    var completions: [@Sendable (RunRecord) -> Void] = []

    init(role: Role, scheduled: Date, started: Date, coroutine: LuaCoroutine) {
        self.role = role
        self.scheduled = scheduled
        self.started = started
        self.coroutine = coroutine
    }

    var name: String { role.name }

    /// Why somebody asked for the end of the run.
    var requestedStop: String? { stopRequest.withLock { $0 } }

    /// Stops the run at its next step, from any thread. One that waits has to be stopped on the lane as well.
    func requestStop(_ reason: String) {
        stopRequest.withLock { $0 = $0 ?? reason }
        coroutine.stopFlag.stop()
    }

    /// Counts one call of the API; what it throws cannot be caught by the script, because the run is stopped as well.
    func countCall(limit: Int) throws {
        calls += 1
        guard calls > limit else { return }
        let reason = "limit of \(limit) calls reached"
        requestStop(reason)
        throw LuaError(reason)
    }

    /// Keeps a line for the history.
    func note(line: String) {
        guard lines.count < Self.mostLines, lineBytes < Self.mostLineBytes else { return }
        lines.append(line)
        lineBytes += line.utf8.count
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
