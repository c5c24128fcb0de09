// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// What the automation runs, and what it grants.
package struct AutomationSettings: Sendable {
    package struct Script: Sendable, Equatable {
        /// Unique; it stands in the log, in the history and before the script's keys in the store.
        package var name: String
        package var path: String
        package var isEnabled = true
        /// What the script finds in its global `settings`: a JSON object.
        package var settings = "{}"
        package var limits = ScriptLimits()

        package init(name: String, path: String) {
            self.name = name
            self.path = path
        }
    }

    package var scripts: [Script] = []
    /// What one evaluation in a session, and a session's state, may use.
    package var consoleLimits = ScriptLimits()
    /// Path of the database; nil keeps the scripts' values in memory.
    package var store: String?
    package var storeLimits = StoreLimits()
    /// The folder that scripts may keep files in; nil = none.
    package var files: String?
    /// Bytes of all files in it.
    package var filesQuota: Int64 = 100 << 20
    /// How many bursts of different scripts may run at the same moment.
    package var threads = 2
    /// How long a burst may pass its limit before its script counts as wedged.
    package var slack = Duration.seconds(5)
    /// How often the files are looked at for changes; nil for never.
    package var reload: Duration? = .seconds(1)
    /// Where scripts may send requests to.
    package var http = ScriptHTTPSettings()
    /// Reads objects of the configuration that scripts give; without it they can give messages of the API only.
    package var objects: ConfigurationObjects?
    /// The zone of cron expressions that name none.
    package var zone = TimeZone.current
    /// What scripts see as `core.session`: it tells the life of one set of counters from the next.
    package var session = Self.processSession

    package init() {}

    private static let processSession = UUID().uuidString
}

/// What one script may use.
package struct ScriptLimits: Sendable, Equatable {
    /// Bytes of Lua memory.
    package var memory = 64 << 20
    /// Virtual machine instructions of one run.
    package var instructions: UInt64 = 100_000_000
    /// Time from entering the script until it waits or ends.
    package var burst = Duration.seconds(10)
    /// Time of one run with all its waits; nil for as long as it likes.
    package var total: Duration?
    /// Calls of the core's API in one run.
    package var calls = 1_000_000

    package init() {}
}
