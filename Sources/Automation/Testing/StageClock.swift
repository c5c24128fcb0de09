// SPDX-License-Identifier: Apache-2.0
package import Foundation
import Synchronization

/// A clock that stands still until it is moved. Nothing may wait for it: what is due is run by whoever moves it.
package final class StageClock: AutomationClock {
    private struct State {
        var uptime = Duration.zero
        var origin: Date
    }

    private let state: Mutex<State>

    package init(at wall: Date) { state = Mutex(State(origin: wall)) }

    package var uptime: Duration { state.withLock { $0.uptime } }
    package var wall: Date { state.withLock { $0.origin.addingTimeInterval($0.uptime.seconds) } }

    package func sleep(until uptime: Duration) async throws {
        preconditionFailure("a stage's scheduler is driven and never sleeps")
    }

    /// Never goes back.
    func move(to uptime: Duration) { state.withLock { $0.uptime = max($0.uptime, uptime) } }

    /// Sets the calendar without any time passing.
    func setCalendar(to wall: Date) {
        state.withLock { $0.origin = wall.addingTimeInterval(-$0.uptime.seconds) }
    }
}
