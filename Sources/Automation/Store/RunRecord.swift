// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// One run of a schedule, as the history keeps it.
package struct RunRecord: Sendable, Equatable {
    package enum Outcome: String, Sendable, CaseIterable {
        case ok, failed
        /// Not started: the run before was still busy, or the time had passed unnoticed.
        case skipped
        /// Stopped by a limit, by a newer run (`replace`), or because the automation stopped.
        case killed
    }

    package var script: String
    /// The schedule's name, or its text (`every 2s`).
    package var schedule: String
    /// When the run was due.
    package var scheduled: Date
    package var started: Date
    package var ended: Date
    package var outcome: Outcome
    /// Empty when the outcome is `ok`.
    package var error: String
    /// Where it failed, as Lua tells it; empty otherwise.
    package var traceback = ""
    /// Processor time.
    package var cpu = Duration.zero
    /// The most Lua memory that the script had while the run was at work, in bytes.
    package var memory = 0
    /// Calls of the core's API.
    package var calls = 0
    /// The first lines that it logged, with their level, such as `[Info] text`.
    package var lines: [String] = []

    package init(
        script: String, schedule: String, scheduled: Date, started: Date, ended: Date, outcome: Outcome,
        error: String = ""
    ) {
        self.script = script
        self.schedule = schedule
        self.scheduled = scheduled
        self.started = started
        self.ended = ended
        self.outcome = outcome
        self.error = error
    }

    /// How long after its time the run began, in seconds.
    package var lateness: TimeInterval { started.timeIntervalSince(scheduled) }
}
