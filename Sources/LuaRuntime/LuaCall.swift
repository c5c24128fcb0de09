// SPDX-License-Identifier: Apache-2.0

import CLua

/// One call of a host function: its arguments, and the results that it pushes. Valid until the function returns.
///
/// Arguments count from 1; those of a method do not include the object.
package struct LuaCall {
    unowned(unsafe) let function: HostFunction
    let l: OpaquePointer
    /// The last slot that holds an argument; what is above was pushed.
    private let last: Int32

    init(function: HostFunction, l: OpaquePointer) {
        self.function = function
        self.l = l
        last = lua_gettop(l)
    }

    package var state: LuaState { function.state }
    /// The running function with its table or type: `users.list`, `task:wait`.
    package var path: String { function.path }
    var stack: LuaStack { LuaStack(l: l) }

    /// Number of arguments.
    package var count: Int { max(0, Int(last - function.base)) }

    /// Whether the function may answer `.yield`.
    package var canWait: Bool { cl_can_wait(l) != 0 }

    /// The slot of an argument; an empty one above the stack when it was left out.
    func slot(_ argument: Int) -> Int32 {
        let slot = argument + Int(function.base)
        return slot > 0 && slot <= Int(last) ? Int32(truncatingIfNeeded: slot) : lua_gettop(l) + 1
    }

    /// nil as well as an argument that was left out.
    package func isNil(_ argument: Int) -> Bool { lua_type(l, slot(argument)) <= LUA_TNIL }

    package func isTable(_ argument: Int) -> Bool { lua_type(l, slot(argument)) == LUA_TTABLE }
    package func isFunction(_ argument: Int) -> Bool { lua_type(l, slot(argument)) == LUA_TFUNCTION }
    package func isString(_ argument: Int) -> Bool { lua_type(l, slot(argument)) == LUA_TSTRING }

    // MARK: errors

    /// `bad argument #1 to 'get' (string expected, got nil)`.
    package func argumentError(_ argument: Int, expected: String) -> LuaError {
        let type = lua_type(l, slot(argument))
        let actual = type < 0 ? "no value" : stack.typeName(at: slot(argument))
        return argumentError(argument, "\(expected) expected, got \(actual)")
    }

    package func argumentError(_ argument: Int, _ problem: String) -> LuaError {
        LuaError("bad argument #\(argument) to '\(function.name)' (\(problem))")
    }

    // MARK: arguments

    /// A string, or a number as its text. Bytes that are not UTF-8 are repaired.
    package func string(_ argument: Int) throws -> String {
        try bytes(argument) { String(decoding: $0, as: UTF8.self) }
    }

    /// The bytes are valid within the closure.
    package func bytes<Result>(_ argument: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        let index = slot(argument)
        let type = lua_type(l, index)
        guard type == LUA_TSTRING || type == LUA_TNUMBER else { throw argumentError(argument, expected: "string") }
        return try body(stack.bytes(at: index))
    }

    package func integer(_ argument: Int) throws -> Int64 {
        let index = slot(argument)
        var isInteger: Int32 = 0
        let value = cl_integer(l, index, &isInteger)
        if isInteger != 0 { return value }
        if lua_type(l, index) == LUA_TNUMBER {
            throw argumentError(argument, "number has no integer representation")
        }
        throw argumentError(argument, expected: "number")
    }

    package func number(_ argument: Int) throws -> Double {
        var isNumber: Int32 = 0
        let value = lua_tonumberx(l, slot(argument), &isNumber)
        guard isNumber != 0 else { throw argumentError(argument, expected: "number") }
        return value
    }

    package func boolean(_ argument: Int) throws -> Bool {
        guard lua_type(l, slot(argument)) == LUA_TBOOLEAN else { throw argumentError(argument, expected: "boolean") }
        return lua_toboolean(l, slot(argument)) != 0
    }

    /// Anything but nil and false is true.
    package func isTruthy(_ argument: Int) -> Bool { lua_toboolean(l, slot(argument)) != 0 }

    package func optionalString(_ argument: Int) throws -> String? { isNil(argument) ? nil : try string(argument) }
    package func optionalInteger(_ argument: Int) throws -> Int64? { isNil(argument) ? nil : try integer(argument) }
    package func optionalNumber(_ argument: Int) throws -> Double? { isNil(argument) ? nil : try number(argument) }
    package func optionalBoolean(_ argument: Int) throws -> Bool? { isNil(argument) ? nil : try boolean(argument) }

    /// Any value, tables copied.
    package func value(_ argument: Int) throws -> LuaValue {
        do {
            return isNil(argument) ? .nil : try stack.value(at: slot(argument), in: state)
        } catch {
            throw argumentError(argument, error.message)
        }
    }

    package func table(_ argument: Int) throws -> LuaTable {
        guard isTable(argument), case .table(let table) = try value(argument) else {
            throw argumentError(argument, expected: "table")
        }
        return table
    }

    package func optionalTable(_ argument: Int) throws -> LuaTable? { isNil(argument) ? nil : try table(argument) }

    package func function(_ argument: Int) throws -> LuaFunctionRef {
        guard isFunction(argument), case .function(let function) = try value(argument) else {
            throw argumentError(argument, expected: "function")
        }
        return function
    }

    /// All arguments from the given one on.
    package func values(from first: Int = 1) throws -> [LuaValue] {
        guard first <= count else { return [] }
        return try (first...count).map { try value($0) }
    }
}
