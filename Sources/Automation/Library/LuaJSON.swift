// SPDX-License-Identifier: Apache-2.0
import JSONText
import LuaRuntime

/// JSON to Lua values and back. Integers stay integers, other numbers are written so that they are read back the same.
///
/// A table with elements 1… is an array, one with names an object, the empty one an object. `null` is nil: in an object
/// the field is absent.
enum LuaJSON {
    /// How deep values may be nested.
    static let depth = 32

    static func decode(_ text: String) throws(LuaError) -> LuaValue {
        var parser = JSONParser(Array(text.utf8), rules: .strict(depth: depth))
        let node: JSONNode
        do {
            node = try parser.parse()
        } catch {
            throw LuaError("json: \(error.message) at byte \(error.offset + 1)")
        }
        return try value(node)
    }

    static func encode(_ value: LuaValue) throws(LuaError) -> String {
        var writer = JSONWriter()
        try write(value, to: &writer, depth: 0)
        return writer.text
    }

    private static func value(_ node: JSONNode) throws(LuaError) -> LuaValue {
        switch node.value {
        case .null: return .nil
        case .bool(let value): return .boolean(value)
        case .string(let text): return .string(text)
        case .number(let number):
            if let integer = number.integer(as: Int64.self) { return .integer(integer) }
            guard let double = number.double else {
                throw LuaError("json: the number is too large at byte \((node.offset ?? 0) + 1)")
            }
            return .number(double)
        case .array(let elements):
            var table = LuaTable()
            for element in elements { table.array.append(try value(element)) }
            return .table(table)
        case .object(let members):
            var table = LuaTable()
            for member in members { table[member.name] = try value(member.node) }
            return .table(table)
        }
    }

    private static func write(_ value: LuaValue, to writer: inout JSONWriter, depth: Int) throws(LuaError) {
        switch value {
        case .nil: writer.literal("null")
        case .boolean(let value): writer.literal("\(value)")
        case .integer(let value): writer.literal("\(value)")
        case .number(let value):
            guard value.isFinite else { throw LuaError("json: \(value) cannot be written") }
            writer.literal("\(value)")
        case .string(let value): writer.string(value)
        case .bytes: throw LuaError("json: a string is not UTF-8")
        case .table(let table):
            guard depth < Self.depth else { throw LuaError("json: nested deeper than \(Self.depth)") }
            try write(table, to: &writer, depth: depth + 1)
        case .function, .other: throw LuaError("json: a \(value.typeName) cannot be written")
        }
    }

    private static func write(_ table: LuaTable, to writer: inout JSONWriter, depth: Int) throws(LuaError) {
        guard table.array.isEmpty else {
            guard table.fields.isEmpty else { throw LuaError("json: a table has both elements and names") }
            return try writer.array { writer throws(LuaError) in
                for element in table.array {
                    writer.element()
                    try write(element, to: &writer, depth: depth)
                }
            }
        }
        var members: [(String, LuaValue)] = []
        for (key, value) in table.fields {
            guard let name = key.string else { throw LuaError("json: \(key.text) is no name of a field") }
            members.append((name, value))
        }
        // In order, so that equal tables give equal text.
        members.sort { $0.0 < $1.0 }
        try writer.object { writer throws(LuaError) in
            for (name, value) in members {
                writer.member(name)
                try write(value, to: &writer, depth: depth)
            }
        }
    }
}
