// SPDX-License-Identifier: Apache-2.0

import CLua

/// Results. They count in the order of their pushes; tables are built in place:
///
///     call.beginTable(array: users.count)
///     for (index, user) in users.enumerated() {
///         call.beginTable(fields: 2)
///         call.setField("email", user.email)
///         call.setField("up", user.up)
///         call.endElement(index + 1)
///     }
///     return 1
extension LuaCall {
    package func pushNil() { if reserve() { lua_pushnil(l) } }
    package func push(_ value: Bool) { if reserve() { lua_pushboolean(l, value ? 1 : 0) } }
    package func push(_ value: Int) { if reserve() { lua_pushinteger(l, Int64(value)) } }
    package func push(_ value: Int64) { if reserve() { lua_pushinteger(l, value) } }
    package func push(_ value: Double) { if reserve() { lua_pushnumber(l, value) } }
    package func push(_ value: String) { if reserve() { stack.push(value) } }
    package func push(bytes: UnsafeRawBufferPointer) { if reserve() { stack.push(bytes) } }

    package func push(bytes: [UInt8]) {
        bytes.withUnsafeBytes { push(bytes: $0) }
    }

    /// The call fails when the value cannot be pushed: a function of another state, nesting without end.
    package func push(_ value: LuaValue) {
        do {
            try stack.push(value, in: state)
        } catch {
            refuse(error)
        }
    }

    /// Opens a table, to which the next `setField`, `append` and `setElement` add. It stays as a result, or is put into
    /// the table below it by `endField` or `endElement`. The sizes are hints.
    package func beginTable(array: Int = 0, fields: Int = 0) {
        if reserve() { lua_createtable(l, Int32(clamping: array), Int32(clamping: fields)) }
    }

    package func setField(_ name: String, _ value: Bool) { set(name) { lua_pushboolean(l, value ? 1 : 0) } }
    package func setField(_ name: String, _ value: Int) { set(name) { lua_pushinteger(l, Int64(value)) } }
    package func setField(_ name: String, _ value: Int64) { set(name) { lua_pushinteger(l, value) } }
    package func setField(_ name: String, _ value: Double) { set(name) { lua_pushnumber(l, value) } }
    package func setField(_ name: String, _ value: String) { set(name) { stack.push(value) } }
    package func setField(_ name: String, bytes: [UInt8]) { set(name) { bytes.withUnsafeBytes { stack.push($0) } } }

    package func setField(_ name: String, _ value: LuaValue) {
        push(value)
        endField(name)
    }

    /// Numbers from 1.
    package func setElement(_ index: Int, _ value: LuaValue) {
        push(value)
        endElement(index)
    }

    package func setElement(_ index: Int, _ value: String) {
        push(value)
        endElement(index)
    }

    /// Takes the topmost value, often a finished table, into the table below it.
    package func endField(_ name: String) {
        guard reserve(), isTableBelowTop else { return }
        stack.push(name)
        cl_insert(l, -2)
        lua_rawset(l, -3)
    }

    package func endElement(_ index: Int) {
        guard reserve(), isTableBelowTop else { return }
        lua_rawseti(l, -2, Int64(index))
    }

    private func set(_ name: String, _ pushValue: () -> Void) {
        guard reserve(), lua_type(l, -1) == LUA_TTABLE else { return refuse(LuaError("no table to set '\(name)' in")) }
        stack.push(name)
        pushValue()
        lua_rawset(l, -3)
    }

    private var isTableBelowTop: Bool {
        if lua_gettop(l) >= 2, lua_type(l, -2) == LUA_TTABLE { return true }
        refuse(LuaError("no table to put the value in"))
        return false
    }

    /// Room for what a single operation pushes.
    private func reserve() -> Bool {
        if state.pushFailure == nil, lua_checkstack(l, 4) != 0 { return true }
        refuse(LuaError("too many values for Lua's stack"))
        return false
    }

    /// After a failed push the call ends with an error, whatever it answers.
    private func refuse(_ error: LuaError) {
        if state.pushFailure == nil { state.pushFailure = error }
    }
}
