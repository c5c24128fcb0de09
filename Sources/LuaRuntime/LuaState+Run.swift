// SPDX-License-Identifier: Apache-2.0

import CLua

extension LuaState {
    /// Compiles a chunk of text. `name` appears in messages as it is, such as `quota.lua`.
    ///
    /// - Throws: `LuaError` of kind `.syntax`, `.memory` or a stop.
    package func load(_ source: String, name: String) throws(LuaError) -> LuaFunctionRef {
        try load(Array(source.utf8), name: name)
    }

    package func load(_ source: [UInt8], name: String) throws(LuaError) -> LuaFunctionRef {
        let stack = try compile(source, name: name)
        return LuaFunctionRef(reference: cl_ref(stack.l), owner: releases)
    }

    /// Leaves the compiled chunk on the stack.
    func compile(_ source: [UInt8], name: String) throws(LuaError) -> LuaStack {
        let stack = try stack()
        begin()
        defer { end() }
        let status = source.withUnsafeBytes { bytes in
            cl_load(stack.l, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, "@" + name)
        }
        guard status == LUA_OK else { throw takeError(status: status, on: stack) }
        return stack
    }

    /// Compiles and runs a chunk. A wait inside it fails, since there is no driver.
    package func evaluate(_ source: String, name: String = "input", arguments: [LuaValue] = []) throws(LuaError)
        -> [LuaValue]
    {
        try call(try load(source, name: name), arguments)
    }

    /// Calls a function. From within a host function the call shares the limits of the run.
    package func call(_ function: LuaFunctionRef, _ arguments: [LuaValue] = []) throws(LuaError) -> [LuaValue] {
        let stack = try stack()
        let top = stack.top
        do {
            try stack.push(.function(function), in: self)
            for argument in arguments { try stack.push(argument, in: self) }
        } catch {
            lua_settop(stack.l, top)
            throw error
        }
        begin()
        defer { end() }
        let status = cl_call(stack.l, Int32(clamping: arguments.count), LUA_MULTRET)
        guard status == LUA_OK else { throw takeError(status: status, on: stack) }
        return try stack.take(stack.top - top, in: self)
    }

    /// A coroutine that will run the function; it may wait. The flag stops it alone.
    package func makeCoroutine(_ function: LuaFunctionRef, stopFlag: LuaStopFlag = LuaStopFlag()) throws(LuaError)
        -> LuaCoroutine
    {
        let stack = try stack()
        guard let thread = lua_newthread(stack.l) else { throw LuaError(.memory, "not enough memory") }
        do {
            try LuaStack(l: thread).push(.function(function), in: self)
        } catch {
            stack.pop()
            throw error
        }
        return LuaCoroutine(state: self, stopFlag: stopFlag, thread: thread, reference: cl_ref(stack.l))
    }

    /// A global variable, without metamethods.
    package func global(_ name: String) throws(LuaError) -> LuaValue {
        let stack = try stack()
        let top = stack.top
        defer { lua_settop(stack.l, top) }
        cl_push_globals(stack.l)
        stack.push(name)
        _ = lua_rawget(stack.l, -2)
        return try stack.value(at: -1, in: self)
    }

    package func setGlobal(_ name: String, _ value: LuaValue) throws(LuaError) {
        let stack = try stack()
        let top = stack.top
        defer { lua_settop(stack.l, top) }
        cl_push_globals(stack.l)
        stack.push(name)
        try stack.push(value, in: self)
        lua_rawset(stack.l, -3)
    }
}
