// SPDX-License-Identifier: Apache-2.0
import LuaRuntime

/// JSON to Lua values and back. Integers stay integers, other numbers are written so that they are read back the same.
///
/// A table with elements 1… is an array, one with names an object, the empty one an object. `null` is nil: in an object
/// the field is absent.
enum LuaJSON {
    /// How deep values may be nested.
    static let depth = 32

    static func decode(_ text: String) throws(LuaError) -> LuaValue {
        var parser = LuaJSONParser(bytes: Array(text.utf8))
        return try parser.document()
    }

    static func encode(_ value: LuaValue) throws(LuaError) -> String {
        var text: [UInt8] = []
        try write(value, to: &text, depth: 0)
        return String(decoding: text, as: UTF8.self)
    }

    private static func write(_ value: LuaValue, to text: inout [UInt8], depth: Int) throws(LuaError) {
        switch value {
        case .nil: text += "null".utf8
        case .boolean(let value): text += "\(value)".utf8
        case .integer(let value): text += "\(value)".utf8
        case .number(let value):
            guard value.isFinite else { throw LuaError("json: \(value) cannot be written") }
            text += "\(value)".utf8
        case .string(let value): quote(value, to: &text)
        case .bytes: throw LuaError("json: a string is not UTF-8")
        case .table(let table):
            guard depth < Self.depth else { throw LuaError("json: nested deeper than \(Self.depth)") }
            try write(table, to: &text, depth: depth + 1)
        case .function, .other: throw LuaError("json: a \(value.typeName) cannot be written")
        }
    }

    private static func write(_ table: LuaTable, to text: inout [UInt8], depth: Int) throws(LuaError) {
        if !table.array.isEmpty {
            guard table.fields.isEmpty else { throw LuaError("json: a table has both elements and names") }
            text.append(UInt8(ascii: "["))
            for (index, element) in table.array.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                try write(element, to: &text, depth: depth)
            }
            text.append(UInt8(ascii: "]"))
            return
        }
        var members: [(String, LuaValue)] = []
        for (key, value) in table.fields {
            guard let name = key.string else { throw LuaError("json: \(key.text) is no name of a field") }
            members.append((name, value))
        }
        text.append(UInt8(ascii: "{"))
        // In order, so that equal tables give equal text.
        for (index, (name, value)) in members.sorted(by: { $0.0 < $1.0 }).enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            quote(name, to: &text)
            text.append(UInt8(ascii: ":"))
            try write(value, to: &text, depth: depth)
        }
        text.append(UInt8(ascii: "}"))
    }

    private static func quote(_ value: String, to text: inout [UInt8]) {
        let hex = Array("0123456789abcdef".utf8)
        text.append(UInt8(ascii: "\""))
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += [UInt8(ascii: "\\"), byte]
            case 0x0a: text += "\\n".utf8
            case 0x0d: text += "\\r".utf8
            case 0x09: text += "\\t".utf8
            case 0..<0x20: text += Array("\\u00".utf8) + [hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            default: text.append(byte)
            }
        }
        text.append(UInt8(ascii: "\""))
    }
}
