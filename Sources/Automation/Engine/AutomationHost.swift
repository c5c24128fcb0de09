// SPDX-License-Identifier: Apache-2.0

/// What scripts run on: a store, files, a clock with its schedules, and threads. Several automations may share one.
struct AutomationHost: Sendable {
    let store: ScriptStore
    let scheduler: Scheduler
    let pool: ScriptPool
    /// Where scripts may keep files; nil = nowhere.
    var files: ScriptFolder?
}
