// SPDX-License-Identifier: Apache-2.0

import CLua

extension LuaState {
    /// Takes the error value off the stack.
    func takeError(status: Int32, on stack: LuaStack) -> LuaError {
        let l = stack.l
        var error = LuaError(.runtime, "")
        error.traceback = cl_error_traceback(l).map { String(cString: $0) } ?? ""
        error.chunk = cl_error_chunk(l).map { String(cString: $0) }
        error.line = error.chunk == nil ? nil : Int(cl_error_line(l))
        if stopError(on: l, into: &error) {
            stack.pop()
            return error
        }
        switch status {
        case LUA_ERRMEM:
            error.kind = .memory
            error.message = "not enough memory"
            error.traceback = ""
            stack.pop()
        case LUA_ERRSYNTAX:
            error.message = String(decoding: stack.bytes(at: -1), as: UTF8.self)
            // No further line completes a quoted string.
            let isQuote = error.message.hasSuffix("unfinished string near <eof>")
            error.kind = .syntax(incomplete: error.message.hasSuffix("<eof>") && !isQuote)
            error.traceback = ""
            (error.chunk, error.line) = position(in: error.message)
            stack.pop()
        default:
            error.message = takeMessage(on: stack)
            if stopError(on: l, into: &error) { return error }
            if error.message == "not enough memory" { error.kind = .memory }
            if let last = lastHostError, error.message.hasSuffix(last.message) {
                error.kind = .host
                error.cause = last.error
            }
        }
        return error
    }

    private func stopError(on l: OpaquePointer, into error: inout LuaError) -> Bool {
        switch cl_stop_reason(l) {
        case Int32(CL_STOP_NONE.rawValue): return false
        case Int32(CL_STOP_INSTRUCTIONS.rawValue): error.kind = .instructionLimit
        case Int32(CL_STOP_DEADLINE.rawValue): error.kind = .deadline
        default: error.kind = .killed
        }
        error.message = cl_stop_message(l).map { String(cString: $0) } ?? "stopped"
        return true
    }

    /// The error value as text. A `__tostring` of the script runs within the limits of the run.
    private func takeMessage(on stack: LuaStack) -> String {
        let l = stack.l
        defer { stack.pop() }
        switch lua_type(l, -1) {
        case LUA_TSTRING, LUA_TNUMBER: return String(decoding: stack.bytes(at: -1), as: UTF8.self)
        case LUA_TNIL: return "nil"
        default:
            let fallback = "(error object is a \(stack.typeName(at: -1)) value)"
            guard lua_checkstack(l, 8) != 0, luaL_getmetafield(l, -1, "__tostring") != LUA_TNIL else { return fallback }
            stack.pop()
            guard cl_tostring(l) == LUA_OK else { return fallback }
            return String(decoding: stack.bytes(at: -1), as: UTF8.self)
        }
    }

    /// `quota.lua:12: message` → quota.lua, 12.
    private func position(in message: String) -> (String?, Int?) {
        let parts = message.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let line = Int(parts[1]) else { return (nil, nil) }
        return (String(parts[0]), line)
    }
}
