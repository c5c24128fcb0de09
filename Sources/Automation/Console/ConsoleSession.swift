// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import LuaRuntime
package import ProxyModel
import Synchronization

/// A line that an evaluation printed (no level) or logged.
package struct ConsoleLine: Sendable, Equatable {
    package var level: LogLevel?
    package var text: String
}

/// What a session may do.
package enum ConsoleMode: Sendable {
    case full
    /// Calls that would change anything are refused.
    case readOnly
    /// They are noted and not made; the store is a copy.
    case dryRun
}

/// A session at a prompt: a Lua state with everything that scripts can call and with their limits. One evaluation at a time; globals
/// stay from one to the next, and so do schedules that it registers, until the session ends.
package final class ConsoleSession: Sendable {
    private struct State {
        var current: LuaStopFlag?
        var waiters: [Int: @Sendable () -> Void] = [:]
        var lastWaiter = 0
        var isClosed = false
    }

    package let caller: ControlCaller

    let instance: ScriptInstance
    /// Set in a session that is to change nothing.
    private let rehearsal: Rehearsal?
    private let onClose: @Sendable () async -> Void
    private let state = Mutex(State())

    init(
        script: AutomationSettings.Script, context: ScriptContext, lane: ScriptPool.Lane, caller: ControlCaller,
        mode: ConsoleMode, onLine: @escaping @Sendable (ConsoleLine) -> Void,
        onClose: @escaping @Sendable () async -> Void
    ) throws {
        var context = context
        if mode == .readOnly { context.control = GuardedControlPlane.readOnly(context.control) }
        // Its lines are seen in the session, and nowhere else.
        rehearsal = mode == .dryRun ? try Rehearsal(of: script.name, in: context, log: { _, _ in }) : nil
        self.caller = caller
        self.onClose = onClose
        instance = ScriptInstance(
            script: script, context: rehearsal?.context ?? context, lane: lane, caller: caller,
            isReadOnly: mode == .readOnly,
            onLine: { onLine(ConsoleLine(level: $0, text: $1)) })
    }

    func open() async throws {
        let problem: String? = await onLane(lost: "given up") { [instance] done in
            do {
                _ = try instance.open()
                instance.activate(reason: "session")
                done(nil)
            } catch {
                done("\(error)")
            }
        }
        if let problem { throw AutomationError(.script, "the session cannot be opened: \(problem)") }
    }

    /// Runs an expression, whose values are the result, or statements, and waits for the end; cancelling the task interrupts it. A
    /// second evaluation at the same time fails.
    ///
    /// - Parameter name: The chunk's name in messages; any but the usual one is a file's, which is read as files are.
    package func evaluate(_ source: String, name: String = "console") async -> ConsoleOutcome {
        let source =
            name == "console"
            ? source : String(decoding: LuaFileText.stripped(Array(source.utf8)), as: UTF8.self)
        let flag = LuaStopFlag()
        let mayStart = state.withLock { state in
            guard state.current == nil, !state.isClosed else { return false }
            state.current = flag
            return true
        }
        guard mayStart else { return .failed(.failed, message: "another evaluation is under way", traceback: "") }
        defer { state.withLock { $0.current = nil } }
        let lost = ConsoleOutcome.failed(.closed, message: "the session has ended", traceback: "")
        return await withTaskCancellationHandler {
            await onLane(lost: lost) { [instance] done in
                instance.evaluate(source, name: name, stopFlag: flag, done: done)
            }
        } onCancel: {
            interrupt()
        }
    }

    /// In a session that is to change nothing: what would be different since the last time.
    package func takePlannedChanges() -> [PlannedChange] { rehearsal?.takeChanges() ?? [] }

    /// Ends the evaluation that is under way, wherever it is.
    package func interrupt() {
        guard let flag = state.withLock({ $0.current }) else { return }
        flag.stop()
        instance.context.pool.submit(instance.lane) { [instance] in
            for run in instance.runs where run.coroutine.stopFlag === flag { instance.stop(run, "interrupted") }
        }
    }

    /// What the text before the cursor can be completed with.
    package func complete(_ text: String) async -> ConsoleCompletion {
        let context = CompletionContext(text)
        let members: [LuaState.Member] = await onLane(lost: []) { [instance] done in
            done((try? instance.state?.members(of: context.path)) ?? [])
        }
        return await ConsoleCompleter(control: instance.context.control).complete(context, members: members)
    }

    /// Ends the session: what runs, its schedules and its state.
    package func close() async {
        let current = state.withLock { state in
            state.isClosed = true
            return state.current
        }
        current?.stop()
        instance.killFlag.stop()
        await onLane(lost: ()) { [instance] done in
            instance.close()
            done(())
        }
        instance.context.pool.close(instance.lane)
        rehearsal?.close()
        await onClose()
    }

    /// The lane was given up: nothing comes back from there.
    func lost() {
        let waiters = state.withLock { state in
            state.isClosed = true
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        instance.killFlag.stop()
        instance.abandon()
        for waiter in waiters { waiter() }
    }

    /// Waits for an answer from the session's lane.
    private func onLane<Value: Sendable>(
        lost: Value, _ body: @escaping @Sendable (@escaping @Sendable (Value) -> Void) -> Void
    ) async -> Value {
        let number = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        defer { state.withLock { _ = $0.waiters.removeValue(forKey: number) } }
        return await withCheckedContinuation { continuation in
            let once = Once<Value>(continuation)
            state.withLock { $0.waiters[number] = { once.resume(lost) } }
            instance.context.pool.submit(
                instance.lane,
                ScriptPool.Job(run: { body { once.resume($0) } }, dropped: { once.resume(lost) }))
        }
    }
}

extension ScriptInstance {
    /// Compiles what somebody typed, as an expression if it is one, and runs it. On the lane.
    func evaluate(
        _ source: String, name: String, stopFlag: LuaStopFlag, done: @escaping @Sendable (ConsoleOutcome) -> Void
    ) {
        guard let state, phase != .closed else {
            return done(.failed(.closed, message: "the session has ended", traceback: ""))
        }
        do {
            let coroutine = try state.makeCoroutine(
                Self.compile(source, name: name, in: state), stopFlag: stopFlag)
            coroutine.view = LuaView()
            let now = context.clock.wall
            let run = ScriptRun(role: .console(done), scheduled: now, started: now, coroutine: coroutine)
            runs.insert(run)
            step(run) { () throws(LuaError) in try coroutine.resume(with: []) }
        } catch let error as LuaError {
            if case .syntax(let incomplete) = error.kind {
                return done(.failed(.syntax(incomplete: incomplete), message: error.message, traceback: ""))
            }
            done(.failed(.failed, message: describe(error).message, traceback: error.traceback))
        } catch {
            done(.failed(.failed, message: "\(error)", traceback: ""))
        }
    }

    private static func compile(_ source: String, name: String, in state: LuaState) throws -> LuaFunctionRef {
        // `=x` was Lua's own way to ask for a value once, and fingers remember.
        let text = source.first == "=" ? String(source.dropFirst()) : source
        var expressionIsIncomplete = false
        do {
            return try state.load("return " + text, name: name)
        } catch {
            guard case .syntax(let incomplete) = error.kind else { throw error }
            expressionIsIncomplete = incomplete
        }
        do {
            return try state.load(source, name: name)
        } catch {
            // `1 +` is no beginning of a statement, but of an expression.
            guard expressionIsIncomplete, case .syntax(incomplete: false) = error.kind else { throw error }
            throw LuaError(.syntax(incomplete: true), error.message, chunk: error.chunk, line: error.line)
        }
    }
}
