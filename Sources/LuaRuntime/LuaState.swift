// SPDX-License-Identifier: Apache-2.0

import CLua

/// A sandboxed Lua 5.4 state: base, table, string, math, utf8, coroutine, the clock part of os, and what the host
/// registers.
///
/// A state belongs to one thread at a time; nothing here but the stop flag may be used from another. Scripts cannot
/// catch a stop (instruction limit, deadline, stop flag).
package final class LuaState {
    package let limits: LuaLimits
    /// Stops whatever runs, from any thread, and everything after it until the flag is cleared.
    package let stopFlag: LuaStopFlag
    let releases = ReleaseQueue()

    /// The main coroutine, nil once closed.
    private(set) var main: OpaquePointer?
    private let onPrint: (String) -> Void
    private var closesWhenIdle = false

    /// What the state's closures and objects point to; kept until it is closed.
    var functions: [HostFunction] = []
    var types: [AnyObject] = []
    var apiTables: [String: Int32] = [:]
    /// The paths of what was registered and defined, `type:method` for methods, in this order.
    package internal(set) var registeredNames: [String] = []

    /// The last error that a host function threw, to be known again when it comes out of Lua as a string.
    var lastHostError: (message: String, error: any Error)?
    /// What the host function that just asked to wait gave to the driver.
    var pendingOperation: (any Sendable)?
    /// The first push that failed in the host function that runs.
    var pushFailure: LuaError?

    /// - Parameters:
    ///   - print: Receives each line that a script prints, on the state's thread.
    ///   - modules: Source of the module that `require` names (letters, digits, `_`, `-` and single `.` or `/` between
    ///     them), or nil when there is none. Without it scripts have no `require`.
    package init(
        limits: LuaLimits = LuaLimits(), stopFlag: LuaStopFlag = LuaStopFlag(),
        print: @escaping (String) -> Void = { _ in }, modules: ((String) throws -> [UInt8]?)? = nil
    ) throws(LuaError) {
        self.limits = limits
        self.stopFlag = stopFlag
        onPrint = print
        var callbacks = cl_callbacks()
        callbacks.context = Unmanaged.passUnretained(self).toOpaque()
        callbacks.invoke = invokeHostFunction
        callbacks.release = { object in
            if let object { Unmanaged<AnyObject>.fromOpaque(object).release() }
        }
        callbacks.print = { context, line, length in
            guard let context else { return }
            let bytes = UnsafeRawBufferPointer(start: line, count: line == nil ? 0 : length)
            let state = Unmanaged<LuaState>.fromOpaque(context).takeUnretainedValue()
            state.onPrint(String(decoding: bytes, as: UTF8.self))
        }
        guard let main = cl_open(&callbacks, limits.memory ?? 0, stopFlag.pointer) else {
            throw LuaError(.memory, "no memory for a Lua state")
        }
        self.main = main
        if let modules { installRequire(modules) }
    }

    deinit { closeNow() }

    /// Frees everything. Objects are released, functions and coroutines become useless. Within a host function the
    /// state is stopped first and closed when the script has returned.
    package func close() {
        guard let main else { return }
        if cl_is_running(main) != 0 {
            closesWhenIdle = true
            stopFlag.stop()
        } else {
            closeNow()
        }
    }

    package var isClosed: Bool { main == nil || closesWhenIdle }

    private func closeNow() {
        guard let main else { return }
        self.main = nil
        cl_close(main)
        functions = []
        types = []
        apiTables = [:]
        lastHostError = nil
        pendingOperation = nil
    }

    // MARK: what it uses

    /// Bytes of Lua memory now, garbage included.
    package var usedMemory: Int { main.map { cl_used($0) } ?? 0 }
    /// The most that it has been since the state was made or `resetPeakMemory`.
    package var peakMemory: Int { main.map { cl_peak($0) } ?? 0 }
    package func resetPeakMemory() { if let main { cl_reset_peak(main) } }
    /// Instructions of the current or last run.
    package var instructionsUsed: UInt64 { main.map { cl_instructions($0) } ?? 0 }
    package func collectGarbage() { if let main { cl_collect(main) } }

    // MARK: for tests

    /// Slots in use on the main stack.
    var stackDepth: Int { main.map { Int(lua_gettop($0)) } ?? 0 }

    /// Lets the n-th allocation by scripts fail from now on, counted from 1; 0 for none.
    func failAllocation(_ n: Int) { if let main { cl_fail_allocation(main, UInt64(clamping: n)) } }
    var allocations: Int { main.map { Int(clamping: cl_allocations($0)) } ?? 0 }

    // MARK: entering Lua

    /// The stack to work on: that of the coroutine that runs, or the main one.
    func stack() throws(LuaError) -> LuaStack {
        guard let main, let current = cl_current(main) else { throw .closed }
        for reference in releases.take() { cl_unref(main, reference) }
        guard lua_checkstack(current, 16) != 0 else { throw LuaError("Lua's stack is full") }
        return LuaStack(l: current)
    }

    /// Starts a run, unless this is a call from within one, which shares its limits.
    func begin(instructionsUsed: UInt64 = 0, flag: LuaStopFlag? = nil) {
        guard let main, cl_is_running(main) == 0 else { return }
        lastHostError = nil
        let deadline = limits.burst.map { cl_now() &+ $0.nanoseconds } ?? 0
        cl_begin(main, instructionsUsed, limits.instructions ?? 0, deadline, flag?.pointer)
    }

    /// To be called after each entry.
    func end() {
        guard let main, cl_is_running(main) == 0 else { return }
        cl_end(main)
        if closesWhenIdle { closeNow() }
    }
}

extension Duration {
    /// Whole nanoseconds, at least 1, at most what fits.
    var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 1 }
        let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? UInt64.max / 2 : max(1, min(UInt64.max / 2, product) + UInt64(attoseconds / 1_000_000_000))
    }
}
