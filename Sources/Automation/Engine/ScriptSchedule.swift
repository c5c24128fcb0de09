// SPDX-License-Identifier: Apache-2.0
import Foundation
import LuaRuntime
import Synchronization

/// One `every`, `cron` or `after` of a script.
final class ScriptSchedule: Sendable {
    struct Options: Sendable {
        var name: String?
        var overlap = OverlapPolicy.skip
        var missed = MissedPolicy.skip
        /// How long ago a missed time may be to be made up for.
        var deadline: Duration?
        /// Each time is put off by a share of this that belongs to the schedule's name.
        var jitter = Duration.zero
    }

    private struct State {
        var gate: OverlapGate
        var waiting: [Firing] = []
        var id: ScheduleID?
        var isCancelled = false
        var skippedInARow = 0
        var status: ScheduleStatus
        var failuresInARow = 0
    }

    enum OnDue {
        case start
        /// Told once per row of skipped runs.
        case skip(reason: String?)
        case wait
        case stopBusyAndWait
    }

    let name: String
    let trigger: Trigger
    let missed: MissedPolicy
    let deadline: Duration?
    /// What is added to each time.
    let jitter: Duration
    let function: LuaFunctionRef
    // The gate is asked when the time has come, on the timer's task: jobs of a busy script wait in line, so that later it would
    // no longer be known that a run was busy.
    private let state: Mutex<State>

    /// - Parameter script: The script's name, so that schedules of one name in several scripts run at several times.
    init(trigger: Trigger, options: Options, script: String, function: LuaFunctionRef) {
        name = options.name ?? trigger.text
        self.trigger = trigger
        missed = options.missed
        deadline = options.deadline
        jitter = StableHash.share(of: options.jitter, for: "\(script)/\(name)")
        self.function = function
        let status = ScheduleStatus(name: name, trigger: trigger.text, overlap: options.overlap.description)
        state = Mutex(State(gate: OverlapGate(policy: options.overlap), status: status))
    }

    var id: ScheduleID? { state.withLock { $0.id } }

    /// False when the schedule was cancelled before it became active.
    func activated(as id: ScheduleID) -> Bool {
        state.withLock { state in
            state.id = id
            return !state.isCancelled
        }
    }

    /// The schedule's place in the scheduler, to be removed.
    func cancel() -> ScheduleID? {
        state.withLock { state in
            state.isCancelled = true
            state.waiting = []
            return state.id
        }
    }

    /// A time that is made up for; its turn comes when those before it have ended.
    func madeUp(_ firing: Firing) -> OnDue {
        state.withLock { state in
            if state.gate.dueInTurn() { return .start }
            state.waiting.append(firing)
            return .wait
        }
    }

    /// A time that is not made up for.
    func missed(_ firing: Firing) -> OnDue {
        let late = Duration.seconds(firing.lateness.seconds.rounded()).text
        return state.withLock { state in
            state.status.skipped += 1
            return .skip(reason: "missed by \(late)")
        }
    }

    func due(_ firing: Firing) -> OnDue {
        state.withLock { state in
            switch state.gate.due() {
            case .start:
                state.skippedInARow = 0
                return .start
            case .wait:
                state.waiting.append(firing)
                return .wait
            case .stopBusyAndWait:
                state.waiting.append(firing)
                return .stopBusyAndWait
            case .skip:
                state.status.skipped += 1
                state.skippedInARow += 1
                return .skip(reason: state.skippedInARow == 1 ? "the run before is still busy" : nil)
            }
        }
    }

    /// A run has begun outside its time.
    func beginNow() -> Bool {
        state.withLock { $0.gate.due() == .start }
    }

    /// The waiting run that is to be started now, and how often the same failure has come in a row.
    func ended(_ record: RunRecord) -> (next: Firing?, failures: Int) {
        state.withLock { state in
            state.failuresInARow =
                record.outcome == .ok
                ? 0 : state.status.lastRun?.error == record.error ? state.failuresInARow + 1 : 1
            state.status.runs += 1
            if record.outcome != .ok { state.status.failures += 1 }
            state.status.lastRun = record
            let startsNext = state.gate.ended()
            let next = startsNext && !state.waiting.isEmpty ? state.waiting.removeFirst() : nil
            return (next, state.failuresInARow)
        }
    }

    var status: ScheduleStatus {
        state.withLock { state in
            var status = state.status
            status.running = state.gate.busy
            status.waiting = state.gate.waiting
            return status
        }
    }
}
