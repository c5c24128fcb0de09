// SPDX-License-Identifier: Apache-2.0

/// A Lua value outside its state. Tables are snapshots, functions are references into the state.
package enum LuaValue: Sendable, Hashable {
    case `nil`
    case boolean(Bool)
    case integer(Int64)
    case number(Double)
    /// A string that is valid UTF-8.
    case string(String)
    /// Any other string.
    case bytes([UInt8])
    case table(LuaTable)
    case function(LuaFunctionRef)
    /// A value that cannot leave its state, such as an object or a coroutine, by the name of its type.
    case other(String)

    /// The string case that fits the bytes.
    package init(bytes: [UInt8]) {
        self = String(validating: bytes, as: UTF8.self).map { .string($0) } ?? .bytes(bytes)
    }

    package var isNil: Bool { self == .nil }

    /// What Lua's `if` sees: everything but nil and false is true.
    package var isTruthy: Bool { self != .nil && self != .boolean(false) }

    package var boolean: Bool? {
        if case .boolean(let value) = self { value } else { nil }
    }

    /// The integer, also of a number without fraction that fits.
    package var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int64(exactly: value)
        default: nil
        }
    }

    package var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// The string when it is valid UTF-8.
    package var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The string's bytes, whatever they are.
    package var bytes: [UInt8]? {
        switch self {
        case .string(let value): Array(value.utf8)
        case .bytes(let value): value
        default: nil
        }
    }

    package var table: LuaTable? {
        if case .table(let value) = self { value } else { nil }
    }

    package var function: LuaFunctionRef? {
        if case .function(let value) = self { value } else { nil }
    }

    /// Lua's name of the type.
    package var typeName: String {
        switch self {
        case .nil: "nil"
        case .boolean: "boolean"
        case .integer, .number: "number"
        case .string, .bytes: "string"
        case .table: "table"
        case .function: "function"
        case .other(let name): name
        }
    }
}

extension LuaValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(booleanLiteral value: Bool) { self = .boolean(value) }
    package init(nilLiteral: ()) { self = .nil }
    package init(arrayLiteral elements: LuaValue...) { self = .table(LuaTable(array: elements)) }
    package init(dictionaryLiteral elements: (String, LuaValue)...) {
        var table = LuaTable()
        for (name, value) in elements { table[name] = value }
        self = .table(table)
    }
}

/// A copy of a Lua table: the elements 1... in order, and everything else by key.
package struct LuaTable: Sendable, Hashable {
    package var array: [LuaValue]
    package var fields: [LuaValue: LuaValue]

    package init(array: [LuaValue] = [], fields: [LuaValue: LuaValue] = [:]) {
        self.array = array
        self.fields = fields
    }

    package var isEmpty: Bool { array.isEmpty && fields.isEmpty }

    /// The field of that name, nil when there is none. Setting nil removes it.
    package subscript(name: String) -> LuaValue {
        get { fields[.string(name)] ?? .nil }
        set {
            // A bare `nil` would be the value of that name.
            if newValue.isNil { fields.removeValue(forKey: .string(name)) } else { fields[.string(name)] = newValue }
        }
    }

    /// The names of the fields that have one, sorted.
    package var names: [String] { fields.keys.compactMap(\.string).sorted() }
}
