// SPDX-License-Identifier: Apache-2.0
package import ControlAPI

/// Loads scripts without running them.
package enum ScriptCheck {
    package struct Report: Sendable {
        package var script: AutomationSettings.Script
        /// Why the script would not be loaded; nil if it would.
        package var error: AutomationError?
        /// What its top level has registered.
        package var schedules: [ScheduleStatus] = []
        /// The first 1,000 of what `on` and `stats.watch` have registered, and how many there are.
        package var subscriptions: [ScheduleStatus] = []
        package var subscriptionCount = 0
        /// What its top level has logged.
        package var lines: [ScriptLogLine] = []
    }

    /// Compiles the file and runs its top level, with a store of its own that is thrown away. No schedule becomes active.
    ///
    /// - Parameter control: What the top level finds: a core that is not in use.
    package static func check(_ script: AutomationSettings.Script, control: any ControlPlane) async -> Report {
        var settings = AutomationSettings()
        settings.threads = 1
        let clock = SystemClock()
        let scheduler = Scheduler(clock: clock)
        let pool = ScriptPool(threads: 1, clock: clock)
        defer {
            scheduler.stop()
            pool.stop()
        }
        var report = Report(script: script)
        do {
            let source = try ScriptSource.read(script.path)
            let context = ScriptContext(
                control: control, store: try ScriptStore(path: nil, limits: StoreLimits(), now: { clock.wall }),
                scheduler: scheduler, pool: pool, zone: settings.zone, session: settings.session, log: { _, _ in })
            let lane = ScriptPool.Lane(name: script.name, limit: script.limits.burst + settings.slack)
            let instance = ScriptInstance(script: script, context: context, lane: lane)
            report.error = await withCheckedContinuation { continuation in
                let once = Once<AutomationError?>(continuation)
                pool.submit(
                    lane,
                    ScriptPool.Job(
                        run: { instance.load(source) { once.resume($0) } },
                        dropped: { once.resume(AutomationError(.closed, "\(script.name): given up")) }))
            }
            report.schedules = instance.schedules.map(\.status)
            report.subscriptions = instance.subscriptions.prefix(1000).map(\.status)
            report.subscriptionCount = instance.subscriptionCount
            report.lines = context.journal.last(ScriptLog.kept)
            await withCheckedContinuation { continuation in
                let once = Once<Void>(continuation)
                pool.submit(
                    lane,
                    ScriptPool.Job(
                        run: {
                            instance.close()
                            once.resume(())
                        }, dropped: { once.resume(()) }))
            }
        } catch {
            report.error = error
        }
        return report
    }
}
