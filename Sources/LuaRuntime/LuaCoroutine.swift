// SPDX-License-Identifier: Apache-2.0

import CLua

/// A script that runs in straight lines and may wait for the host in between.
///
/// The driver calls `resume`, carries out the operation that it gets, and resumes with the outcome, until the script
/// has finished: `LuaConfined.drive` does so. Other coroutines of the state may run during a wait.
package final class LuaCoroutine {
    package enum Outcome: Sendable {
        case finished([LuaValue])
        /// A host function answered `.yield(operation)`.
        case suspended(operation: any Sendable)
    }

    private enum Phase { case ready, waiting, running, done }

    package let state: LuaState
    /// Stops this coroutine alone.
    package let stopFlag: LuaStopFlag
    /// Set: the results are only to be looked at.
    package var view: LuaView?
    /// Instructions used so far, over all bursts.
    package private(set) var instructionsUsed: UInt64 = 0

    private let thread: OpaquePointer
    private let reference: Int32
    private var phase = Phase.ready

    init(state: LuaState, stopFlag: LuaStopFlag, thread: OpaquePointer, reference: Int32) {
        self.state = state
        self.stopFlag = stopFlag
        self.thread = thread
        self.reference = reference
    }

    deinit { state.releases.release(reference) }

    package var isFinished: Bool { phase == .done }
    package var isWaiting: Bool { phase == .waiting }

    /// Starts the function with arguments, or gives a waiting host function its results.
    package func resume(with values: [LuaValue] = []) throws(LuaError) -> Outcome {
        let stack = try prepare()
        do {
            if phase == .waiting {
                _ = cl_wake(thread)
                lua_pushboolean(thread, 1)
            }
            for value in values { try stack.push(value, in: state) }
        } catch {
            abandon()
            throw error
        }
        return try run(stack, arguments: Int32(clamping: values.count) + (phase == .waiting ? 1 : 0))
    }

    /// Gives a waiting host function the results that `body` pushes and counts, as a host function does that answers at
    /// once. What it throws becomes an error there.
    package func resume(pushing body: (LuaCall) throws -> Int) throws(LuaError) -> Outcome {
        let stack = try prepare()
        guard phase == .waiting else { throw LuaError("the coroutine does not wait") }
        _ = cl_wake(thread)
        let top = stack.top
        let function = HostFunction(state: state, name: "resume", base: 0) { _ in 0 }
        let result = Result {
            lua_pushboolean(thread, 1)
            defer { state.pushFailure = nil }
            let count = try withExtendedLifetime(function) { try body(LuaCall(function: function, l: thread)) }
            if let failure = state.pushFailure { throw failure }
            guard count == Int(stack.top - top) - 1 else {
                throw LuaError("the results are not those that were pushed")
            }
            return Int32(clamping: count) + 1
        }
        switch result {
        case .success(let count):
            return try run(stack, arguments: count)
        case .failure(let error):
            lua_settop(thread, top)
            return try resume(throwing: error)
        }
    }

    /// Lets the waiting host function fail; the script may catch it.
    package func resume(throwing error: any Error) throws(LuaError) -> Outcome {
        let stack = try prepare()
        guard phase == .waiting else { throw LuaError("the coroutine does not wait") }
        _ = cl_wake(thread)
        lua_pushboolean(thread, 0)
        let message = state.note(error)
        stack.push(message)
        return try run(stack, arguments: 2, noted: (message, error))
    }

    /// Ends the coroutine where it waits. Its pending `<close>` variables are closed, within the limits.
    package func close() {
        guard phase == .waiting, state.main != nil else { return abandon() }
        phase = .running
        state.begin(instructionsUsed: instructionsUsed, flag: stopFlag)
        if !stopFlag.isStopped { _ = cl_reset(thread) }
        state.end()
        phase = .done
    }

    private func abandon() {
        if phase != .running { phase = .done }
    }

    private func prepare() throws(LuaError) -> LuaStack {
        guard let main = state.main, !state.isClosed else { throw .closed }
        guard cl_is_running(main) == 0 else { throw LuaError("a coroutine cannot be resumed from a host function") }
        guard phase == .ready || phase == .waiting else { throw LuaError("the coroutine has finished") }
        _ = try state.stack()
        guard lua_checkstack(thread, 16) != 0 else { throw LuaError("Lua's stack is full") }
        return LuaStack(l: thread)
    }

    private func run(_ stack: LuaStack, arguments: Int32, noted: (message: String, error: any Error)? = nil)
        throws(LuaError) -> Outcome
    {
        state.begin(instructionsUsed: instructionsUsed, flag: stopFlag)
        if let noted, !(noted.error is LuaError) { state.lastHostError = noted }
        phase = .running
        defer { state.end() }
        var count: Int32 = 0
        let status = cl_resume(thread, arguments, &count)
        instructionsUsed = state.instructionsUsed
        switch status {
        case LUA_OK:
            phase = .done
            return .finished(try stack.take(count, in: state, view: view))
        case LUA_YIELD:
            let operation = state.pendingOperation
            state.pendingOperation = nil
            guard let operation else {
                phase = .done
                throw LuaError("attempt to yield from outside a coroutine")
            }
            phase = .waiting
            return .suspended(operation: operation)
        default:
            phase = .done
            // Pending closers look at the error where it is, and may put one of their own in its place.
            var status = status
            if cl_stop_reason(thread) == Int32(CL_STOP_NONE.rawValue) { status = cl_reset(thread) }
            let main = try state.stack()
            lua_xmove(thread, main.l, 1)
            throw state.takeError(status: status, on: main)
        }
    }
}
