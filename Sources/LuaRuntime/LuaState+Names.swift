// SPDX-License-Identifier: Apache-2.0

import CLua

extension LuaState {
    /// A name in a table, and the type of its value.
    package struct Member: Sendable, Hashable {
        package var name: String
        package var type: String

        package init(name: String, type: String) {
            self.name = name
            self.type = type
        }
    }

    /// The names in the table at a path of names, the globals' table for an empty one; of read-only tables those of their contents.
    /// Empty when there is no table. Runs no script code. In no order, at most `limit` of them.
    package func members(of path: [String], limit: Int = 1000) throws(LuaError) -> [Member] {
        let stack = try stack()
        let (l, top) = (stack.l, stack.top)
        defer { lua_settop(l, top) }
        guard lua_checkstack(l, Int32(clamping: path.count * 2 + 8)) != 0 else { return [] }
        cl_push_globals(l)
        for name in path {
            guard lua_type(l, -1) == LUA_TTABLE else { return [] }
            if cl_push_api_contents(l, -1) == 0 { lua_pushvalue(l, -1) }
            stack.push(name)
            _ = lua_rawget(l, -2)
        }
        guard lua_type(l, -1) == LUA_TTABLE else { return [] }
        if cl_push_api_contents(l, -1) == 0 { lua_pushvalue(l, -1) }
        let table = stack.top
        var members: [Member] = []
        lua_pushnil(l)
        while members.count < limit, lua_next(l, table) != 0 {
            // A number as the key must not be turned into a string in place.
            if lua_type(l, -2) == LUA_TSTRING {
                members.append(
                    Member(name: String(decoding: stack.bytes(at: -2), as: UTF8.self), type: stack.typeName(at: -1)))
            }
            stack.pop()
        }
        return members
    }
}
