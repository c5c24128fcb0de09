// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// What a script is doing, for lists and reports.
package struct ScriptStatus: Sendable, Equatable {
    package enum Phase: String, Sendable {
        /// Its top level has not ended yet.
        case loading
        case running
        /// It could not be read, does not compile, or its top level failed. It is tried again when the file changes.
        case failed
        /// It was switched off.
        case disabled
        /// A burst did not end; its thread was given up. It is tried again when the file changes.
        case wedged
        case stopped
    }

    package var name: String
    package var path: String
    package var phase: Phase
    /// How often the script was loaded.
    package var version: Int
    package var loaded: Date?
    /// Why it failed to load; also set while an older version goes on.
    package var error: String?
    /// Bytes of Lua memory at the end of the last burst.
    package var memory: Int
    package var schedules: [ScheduleStatus]
    /// What is under way, oldest first.
    package var runs: [RunStatus] = []
    /// What the script has declared, by name.
    package var settings: [ScriptSetting] = []
    /// What `on` and `stats.watch` registered; `skipped` counts dropped events.
    /// The first 1,000 of ``subscriptionCount``.
    package var subscriptions: [ScheduleStatus] = []
    package var subscriptionCount = 0
}

/// A run that has begun and not ended.
package struct RunStatus: Sendable, Equatable {
    /// Unique in the process; for ``Automation/kill(_:run:)``.
    package var id: UInt64
    /// The schedule's or subscription's name; `main` for the top level, `task` for a spawned one.
    package var name: String
    package var started: Date
    /// Whether its code runs just now; else it waits for a time, an event or the core.
    package var isAtWork: Bool
}

/// One schedule of a script.
package struct ScheduleStatus: Sendable, Equatable {
    package var name: String
    /// `every 2s`, `cron 0 0 1 * *`, `after 10s`, `on user.added`.
    package var trigger: String
    package var overlap: String
    package var next: Date?
    package var running = 0
    package var waiting = 0
    package var runs = 0
    /// Runs that failed or were killed.
    package var failures = 0
    package var skipped = 0
    package var lastRun: RunRecord?

    init(name: String, trigger: String, overlap: String) {
        self.name = name
        self.trigger = trigger
        self.overlap = overlap
    }
}
