// SPDX-License-Identifier: Apache-2.0
package import Foundation
import Synchronization

/// Runs actions at their times, with one timer for all of them.
///
/// May be called from any thread. Actions run one after another on the timer's task and must be short: they hand the
/// work over to someone else.
package final class Scheduler: Sendable {
    package typealias Action = @Sendable (Firing) -> Void

    private struct State {
        var queue = ScheduleQueue()
        var actions: [ScheduleID: Action] = [:]
        /// The uptime that the timer waits for, and which timer it is.
        var armed: (deadline: Duration, timer: UInt64)?
        var lastTimer: UInt64 = 0
        var task: Task<Void, Never>?
        var isStopped = false
    }

    package let clock: any AutomationClock
    private let isDriven: Bool
    private let state = Mutex(State())

    /// - Parameter isDriven: There is no timer: ``runDue()`` is called instead, by whoever moves the clock.
    package init(clock: any AutomationClock, isDriven: Bool = false) {
        self.clock = clock
        self.isDriven = isDriven
    }

    deinit { state.withLock { $0.task?.cancel() } }

    /// Fails when the scheduler is stopped, or when a trigger on the calendar has no time left.
    ///
    /// - Parameter jitter: Is added to each time of the trigger.
    @discardableResult
    package func add(
        _ trigger: Trigger, jitter: Duration = .zero, action: @escaping Action
    ) throws(AutomationError) -> ScheduleID {
        try state.withLock { (state) throws(AutomationError) -> ScheduleID in
            guard !state.isStopped else { throw AutomationError(.closed, "the scheduler is stopped") }
            guard let id = state.queue.add(trigger, jitter: jitter, at: Moment(clock)) else {
                throw AutomationError(.syntax, "\(trigger.text): there is no such time left")
            }
            state.actions[id] = action
            arm(&state)
            return id
        }
    }

    package func remove(_ id: ScheduleID) {
        state.withLock { state in
            state.queue.remove(id)
            state.actions[id] = nil
        }
    }

    /// When the schedule is due next; nil when it has had its last time.
    package func next(of id: ScheduleID) -> Date? {
        state.withLock { $0.queue.next(of: id, at: Moment(clock)) }
    }

    package var count: Int { state.withLock { $0.queue.count } }

    /// Forgets all schedules. An action that has begun is not waited for.
    package func stop() {
        state.withLock { state in
            state.isStopped = true
            state.queue = ScheduleQueue()
            state.actions = [:]
            state.armed = nil
            state.task?.cancel()
            state.task = nil
        }
    }

    /// The uptime at which something is due next, if the calendar is not set meanwhile.
    package var nextDue: Duration? { state.withLock { $0.queue.firstDue } }

    /// Runs the actions that are due, on the caller's thread.
    package func runDue() {
        for (action, firing) in state.withLock({ takeDue(&$0) }) { action(firing) }
    }

    private func takeDue(_ state: inout State) -> [(Action, Firing)] {
        state.queue.due(at: Moment(clock)).compactMap { firing in
            let action = state.actions[firing.id]
            if state.queue.next(of: firing.id, at: Moment(clock)) == nil { state.actions[firing.id] = nil }
            return action.map { ($0, firing) }
        }
    }

    private func arm(_ state: inout State) {
        guard !isDriven, !state.isStopped, let deadline = state.queue.deadline(at: Moment(clock)) else { return }
        if let armed = state.armed, armed.deadline <= deadline { return }
        state.task?.cancel()
        state.lastTimer += 1
        let timer = state.lastTimer
        state.armed = (deadline, timer)
        state.task = Task.detached { [weak self, clock] in
            do { try await clock.sleep(until: deadline) } catch { return }
            self?.tick(timer)
        }
    }

    private func tick(_ timer: UInt64) {
        let work = state.withLock { state -> [(Action, Firing)] in
            guard state.armed?.timer == timer else { return [] }
            return takeDue(&state)
        }
        for (action, firing) in work { action(firing) }
        // Armed last, so that whoever sees the timer wait again knows that what was due has been handed over.
        state.withLock { state in
            guard state.armed?.timer == timer else { return }
            state.armed = nil
            arm(&state)
        }
    }
}
