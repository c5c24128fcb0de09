// SPDX-License-Identifier: Apache-2.0

import CLua

/// Moves values between Swift and the stack of one coroutine. Only for host frames, where pushes cannot raise.
struct LuaStack {
    let l: OpaquePointer

    var top: Int32 { lua_gettop(l) }

    func pop(_ count: Int32 = 1) { cl_pop(l, count) }

    // MARK: pushing

    func push(_ value: String) {
        var value = value
        value.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { _ = lua_pushlstring(l, $0.baseAddress, $0.count) }
        }
    }

    func push(_ bytes: UnsafeRawBufferPointer) {
        _ = lua_pushlstring(l, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    }

    /// Pushes exactly one value.
    func push(_ value: LuaValue, in state: LuaState, depth: Int = 0) throws(LuaError) {
        guard lua_checkstack(l, 4) != 0 else { throw LuaError("too many or too deeply nested values for Lua's stack") }
        switch value {
        case .nil: lua_pushnil(l)
        case .boolean(let value): lua_pushboolean(l, value ? 1 : 0)
        case .integer(let value): lua_pushinteger(l, value)
        case .number(let value): lua_pushnumber(l, value)
        case .string(let value): push(value)
        case .bytes(let value): value.withUnsafeBytes { push($0) }
        case .table(let table): try push(table, in: state, depth: depth)
        case .function(let function):
            guard function.owner === state.releases else { throw LuaError("a function of another Lua state") }
            _ = cl_push_ref(l, function.reference)
        case .other(let name): throw LuaError("a \(name) cannot be given back to Lua")
        }
    }

    private func push(_ table: LuaTable, in state: LuaState, depth: Int) throws(LuaError) {
        let top = top
        guard depth < state.limits.tableDepth else {
            throw LuaError("the table is nested deeper than \(state.limits.tableDepth)")
        }
        lua_createtable(l, Int32(clamping: table.array.count), Int32(clamping: table.fields.count))
        do {
            for (index, element) in table.array.enumerated() {
                try push(element, in: state, depth: depth + 1)
                lua_rawseti(l, -2, Int64(index) + 1)
            }
            for (key, element) in table.fields {
                if key.isNil { continue }
                if case .number(let number) = key, number.isNaN { continue }
                try push(key, in: state, depth: depth + 1)
                try push(element, in: state, depth: depth + 1)
                lua_rawset(l, -3)
            }
        } catch {
            lua_settop(l, top)
            throw error
        }
    }

    // MARK: reading

    /// The bytes of a value that is a string; only to be read while it is on the stack.
    func bytes(at index: Int32) -> UnsafeRawBufferPointer {
        var length = 0
        let start = cl_bytes(l, index, &length)
        return UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : length)
    }

    func typeName(at index: Int32) -> String { String(cString: lua_typename(l, lua_type(l, index))) }

    func value(at index: Int32, in state: LuaState) throws(LuaError) -> LuaValue {
        var reader = TableReader(stack: self, state: state, left: state.limits.tableValues)
        return try reader.value(at: lua_absindex(l, index))
    }

    /// Takes the topmost values off the stack, in order; `view` says how far into tables they are copied, else the limits do.
    func take(_ count: Int32, in state: LuaState, view: LuaView? = nil) throws(LuaError) -> [LuaValue] {
        guard count > 0 else { return [] }
        let first = top - count + 1
        defer { lua_settop(l, first - 1) }
        var reader = TableReader(stack: self, state: state, left: view?.values ?? state.limits.tableValues, view: view)
        var values: [LuaValue] = []
        values.reserveCapacity(Int(count))
        for index in first..<(first + count) {
            if view == nil { reader.left = state.limits.tableValues }
            values.append(try reader.value(at: index))
        }
        return values
    }
}

/// Copies values out of Lua, within the limits, without running any script code.
private struct TableReader {
    let stack: LuaStack
    let state: LuaState
    var left: Int
    /// Set: what is too much is cut off instead of refused.
    var view: LuaView?
    /// The tables that the current one is nested in.
    var path: [UnsafeRawPointer] = []

    mutating func value(at index: Int32) throws(LuaError) -> LuaValue {
        let l = stack.l
        switch lua_type(l, index) {
        case LUA_TNIL: return .nil
        case LUA_TBOOLEAN: return .boolean(lua_toboolean(l, index) != 0)
        case LUA_TNUMBER:
            return lua_isinteger(l, index) != 0
                ? .integer(lua_tointegerx(l, index, nil)) : .number(lua_tonumberx(l, index, nil))
        case LUA_TSTRING:
            let bytes = stack.bytes(at: index)
            return String(validating: bytes.bindMemory(to: UInt8.self), as: UTF8.self).map { .string($0) }
                ?? .bytes(Array(bytes))
        case LUA_TTABLE: return try view == nil ? .table(table(at: index)) : shown(at: index)
        case LUA_TFUNCTION:
            guard lua_checkstack(l, 2) != 0 else { throw LuaError("Lua's stack is full") }
            lua_pushvalue(l, index)
            return .function(LuaFunctionRef(reference: cl_ref(l), owner: state.releases))
        default: return .other(stack.typeName(at: index))
        }
    }

    /// A table for people: read-only ones by their contents, cut off at the limits and where it contains itself.
    private mutating func shown(at index: Int32) throws(LuaError) -> LuaValue {
        guard let identity = lua_topointer(stack.l, index) else { return .other("table") }
        if path.contains(identity) { return .other("cycle") }
        guard let view, path.count < view.depth, lua_checkstack(stack.l, 8) != 0 else { return .other("table") }
        guard cl_push_api_contents(stack.l, index) != 0 else { return .table(try table(at: index)) }
        defer { stack.pop() }
        return .table(try table(at: stack.top))
    }

    private mutating func table(at index: Int32) throws(LuaError) -> LuaTable {
        let l = stack.l
        guard let identity = lua_topointer(l, index) else { return LuaTable() }
        guard !path.contains(identity) else { throw LuaError("the table contains itself") }
        guard path.count < view?.depth ?? state.limits.tableDepth else {
            throw LuaError("the table is nested deeper than \(state.limits.tableDepth)")
        }
        guard lua_checkstack(l, 6) != 0 else { throw LuaError("Lua's stack is full") }
        let top = stack.top
        path.append(identity)
        defer {
            path.removeLast()
            lua_settop(l, top)
        }
        var result = LuaTable()
        let length = Int64(clamping: lua_rawlen(l, index))
        if view == nil {
            try count(Int(clamping: length))
            result.array.reserveCapacity(Int(clamping: length))
        }
        if length > 0 {
            for element in 1...length {
                if view != nil, !takesOne() {
                    result.array.append(.other("…"))
                    break
                }
                lua_rawgeti(l, index, element)
                result.array.append(try value(at: top + 1))
                stack.pop()
            }
        }
        lua_pushnil(l)
        // Raises for a key that is not in the table only; nothing changes the table in between.
        while lua_next(l, index) != 0 {
            if lua_isinteger(l, top + 1) == 0 || !(1...max(length, 1)).contains(lua_tointegerx(l, top + 1, nil))
                || length == 0
            {
                if view == nil {
                    try count(1)
                } else if !takesOne() {
                    result.fields["…"] = .other("…")
                    break
                }
                result.fields[try value(at: top + 1)] = try value(at: top + 2)
            }
            stack.pop()
        }
        return result
    }

    private mutating func takesOne() -> Bool {
        left -= 1
        return left >= 0
    }

    private mutating func count(_ values: Int) throws(LuaError) {
        left -= values
        if left < 0 { throw LuaError("the table has more than \(state.limits.tableValues) values") }
    }
}
