// SPDX-License-Identifier: Apache-2.0

import CLua

/// A Swift function behind a Lua closure.
final class HostFunction {
    // The state keeps its functions, and outlives every call.
    unowned(unsafe) let state: LuaState
    let name: String
    /// With its table or type: `users.list`, `task:wait`.
    let path: String
    /// Stack slots before the first argument: 1 for a method.
    let base: Int32
    private let body: LuaHostBody

    init(state: LuaState, name: String, path: String? = nil, base: Int32, body: @escaping LuaHostBody) {
        self.state = state
        self.name = name
        self.path = path ?? name
        self.base = base
        self.body = body
    }

    /// Never raises: says what C is to do when this frame is gone.
    func run(on l: OpaquePointer) -> Int32 {
        let count: Int
        do {
            switch try body(LuaCall(function: self, l: l)) {
            case .values(let values): count = values
            case .yield(let operation): return wait(for: operation, on: l)
            }
        } catch {
            state.pushFailure = nil
            return fail(error, on: l)
        }
        if let failure = state.pushFailure {
            state.pushFailure = nil
            return fail(failure, on: l)
        }
        return Int32(clamping: max(0, min(count, Int(lua_gettop(l)))))
    }

    private func wait(for operation: any Sendable, on l: OpaquePointer) -> Int32 {
        guard cl_can_wait(l) != 0 else {
            let problem = "\(name): cannot wait here, the caller is inside a function that cannot be suspended"
            return fail(LuaError(problem), on: l)
        }
        state.pendingOperation = operation
        return CL_YIELD
    }

    private func fail(_ error: any Error, on l: OpaquePointer) -> Int32 {
        let stack = LuaStack(l: l)
        // The arguments are of no more use, and the stack may be full.
        lua_settop(l, 0)
        stack.push(state.note(error))
        return (error as? LuaError)?.line == nil ? CL_ERROR : CL_ERROR_AS_IS
    }
}

extension LuaState {
    /// The text that stands for the error in Lua; the error itself is remembered.
    func note(_ error: any Error) -> String {
        guard let lua = error as? LuaError else {
            let message = String(describing: error)
            lastHostError = (message, error)
            return message
        }
        if let cause = lua.cause { lastHostError = (lua.message, cause) }
        return lua.message
    }
}

func invokeHostFunction(_ l: OpaquePointer?, _ function: UnsafeMutableRawPointer?) -> Int32 {
    guard let l, let function else { return 0 }
    return Unmanaged<HostFunction>.fromOpaque(function)._withUnsafeGuaranteedRef { $0.run(on: l) }
}
