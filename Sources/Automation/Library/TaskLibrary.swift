// SPDX-License-Identifier: Apache-2.0
import LuaRuntime

extension Library {
    /// What `spawn` returns.
    private final class TaskHandle {
        let task: SpawnedTask
        init(_ task: SpawnedTask) { self.task = task }
    }

    /// `spawn(fn, …)`, with `task:wait()`, `task:cancel()` and `task:status()`.
    static func installTasks(in state: LuaState, for script: ScriptInstance) throws {
        let handle = LuaObjectType<TaskHandle>(name: "task")
            .method("wait") { handle, call in try wait(call, script, .task(handle.task)) }
            .method("cancel") { handle, _ in
                script.cancel(handle.task)
                return 0
            }
            .method("status") { handle, call in
                call.push(handle.task.status)
                return 1
            }
        try state.register(handle)
        try state.register("spawn") { call in
            let task = try script.spawn(try call.function(1), try call.values(from: 2))
            try call.push(TaskHandle(task), as: handle)
            return 1
        }
    }

    static let taskReference: [LibraryEntry] = [
        LibraryEntry(
            "spawn", "spawn(fn, ...) -> task",
            """
            Runs `fn` with the arguments beside this run, which goes on at once. Runs of one script take turns where they wait. A \
            failure is told in the log and by `task:wait`.
            """,
            example: """
                local one, two = spawn(http.get, settings.first), spawn(http.get, settings.second)
                one:wait()
                two:wait()
                """),
        LibraryEntry(
            "task:wait", "task:wait() -> true | nil, message",
            "Waits for the end of a spawned run; nil and a message when it failed or was stopped.", waits: true),
        LibraryEntry("task:cancel", "task:cancel()", "Stops a spawned run where it waits."),
        LibraryEntry("task:status", "task:status() -> string", "`running`, `ok`, `failed` or `killed`."),
    ]
}

/// A run that a script has started beside itself. On the lane only.
final class SpawnedTask: @unchecked Sendable {
    var run: ScriptRun?
    var record: RunRecord?
    var isCancelled = false
    var waiting: [(RunRecord) -> Void] = []

    var status: String { record?.outcome.rawValue ?? "running" }
}

extension ScriptInstance {
    func spawn(_ function: LuaFunctionRef, _ arguments: [LuaValue]) throws -> SpawnedTask {
        guard phase == .loading || phase == .active else { throw LuaError("the script is being stopped") }
        guard runs.count + spawning < Self.mostRuns else {
            throw LuaError("a script may have \(Self.mostRuns) runs at a time")
        }
        let task = SpawnedTask()
        spawning += 1
        // The run that calls is on the stack: the new one begins when that waits or ends.
        context.pool.submit(lane) { [self] in
            spawning -= 1
            guard !task.isCancelled, phase == .loading || phase == .active else {
                return finish(task, killedRecord("task"))
            }
            begin(function, role: .task(task), scheduled: context.clock.wall, arguments: arguments)
        }
        return task
    }

    func cancel(_ task: SpawnedTask) {
        task.isCancelled = true
        guard let run = task.run, !run.hasEnded else { return }
        // A run that cancels itself is stopped at its next step.
        run.requestStop("cancelled")
        context.pool.submit(lane) { [self] in stop(run, "cancelled") }
    }

    func finish(_ task: SpawnedTask, _ record: RunRecord) {
        task.record = record
        let waiting = task.waiting
        task.waiting = []
        for body in waiting { body(record) }
    }

    /// Suspends a run until the task has ended.
    func wait(_ run: ScriptRun, for task: SpawnedTask) {
        run.phase = .waiting(EventWaiter())
        let answer: (RunRecord) -> Void = { [self] record in
            context.pool.submit(lane) { [self] in
                wake(run, .success(ScriptAnswer { Self.push(record, on: $0) }))
            }
        }
        if let record = task.record { answer(record) } else { task.waiting.append(answer) }
    }

    private static func push(_ record: RunRecord, on call: LuaCall) -> Int {
        guard record.outcome != .ok else {
            call.push(true)
            return 1
        }
        call.pushNil()
        call.push(record.error)
        return 2
    }

    private func killedRecord(_ schedule: String) -> RunRecord {
        let now = context.clock.wall
        return RunRecord(
            script: name, schedule: schedule, scheduled: now, started: now, ended: now, outcome: .killed,
            error: "cancelled")
    }
}
