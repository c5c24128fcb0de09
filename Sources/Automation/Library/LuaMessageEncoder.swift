// SPDX-License-Identifier: Apache-2.0
import LuaRuntime
import XrayProtos

/// Writes a Lua table as a message, field by field, without anything in between.
///
/// Fields go by their name in the .proto file or in JSON; one that the message does not have is an error. Enums are names
/// or numbers, bytes are strings, maps are tables. Where a TypedMessage is expected, a table with `_type` or `type` and the
/// fields of that type will do, as well as the raw `{ type = …, value = … }`.
struct LuaMessageEncoder {
    private static let typedMessage = "xray.common.serial.TypedMessage"

    private var writer = ProtoWriter()

    static func encode(_ table: LuaTable, as type: MessageDescriptor) throws -> [UInt8] {
        var encoder = LuaMessageEncoder()
        try encoder.fields(of: table, type, depth: 0)
        return encoder.writer.bytes
    }

    private mutating func fields(of table: LuaTable, _ type: MessageDescriptor, depth: Int) throws {
        guard table.array.isEmpty else { throw LuaError("\(type.fullName): fields by name expected, got a list") }
        var found: [(field: FieldDescriptor, value: LuaValue)] = []
        found.reserveCapacity(table.fields.count)
        for (key, value) in table.fields {
            guard let name = key.string, let field = type.field(named: name) else {
                let known = type.fields.map(\.name).joined(separator: ", ")
                throw LuaError("\(type.fullName) has no field '\(key.text)'; it has: \(known.isEmpty ? "none" : known)")
            }
            found.append((field, value))
        }
        found.sort { $0.field.number < $1.field.number }
        var previous: FieldDescriptor?
        var oneofs: Set<Int> = []
        for (field, value) in found {
            guard field !== previous else { throw LuaError("\(field.fullName) is given twice") }
            previous = field
            if let oneof = field.oneofIndex, !oneofs.insert(oneof).inserted {
                throw LuaError("\(type.fullName): only one field of '\(type.oneofs[oneof])' can be set")
            }
            try put(value, field, depth: depth)
        }
    }

    private mutating func put(_ value: LuaValue, _ field: FieldDescriptor, depth: Int) throws {
        switch field.cardinality {
        case .single:
            try single(value, field, depth: depth)
        case .list:
            guard case .table(let table) = value, table.fields.isEmpty else {
                throw LuaError("\(field.fullName): list expected, got \(Self.kind(of: value))")
            }
            let list = try writer.beginList(field)
            for element in table.array { try single(element, field, depth: depth) }
            writer.endList(list)
        case .map:
            guard case .table(let table) = value, let entry = field.messageType, let keyField = entry.mapKey,
                let valueField = entry.mapValue
            else { throw LuaError("\(field.fullName): table expected, got \(Self.kind(of: value))") }
            let pairs =
                table.array.enumerated().map { (LuaValue.integer(Int64($0) + 1), $1) } + table.fields.map { ($0, $1) }
            for (key, value) in pairs {
                let mark = try writer.begin(field)
                try single(key, keyField, depth: depth)
                try single(value, valueField, depth: depth)
                writer.end(mark)
            }
        }
    }

    private mutating func single(_ value: LuaValue, _ field: FieldDescriptor, depth: Int) throws {
        switch value {
        case .boolean(let value): try writer.put(value, for: field)
        case .integer(let value): try writer.put(value, for: field)
        case .number(let value): try writer.put(value, for: field)
        case .string(let value): try writer.put(value, for: field)
        case .bytes(let value): try value.withUnsafeBytes { try writer.put($0, for: field) }
        case .table(let table):
            guard field.kind == .message, let type = field.messageType else {
                throw LuaError("\(field.fullName): a single value expected, got a table")
            }
            guard depth < 64 else { throw LuaError("\(field.fullName): nested too deep") }
            let mark = try writer.begin(field)
            if type.fullName == Self.typedMessage {
                try typed(table, type, depth: depth + 1)
            } else {
                try fields(of: table, type, depth: depth + 1)
            }
            writer.end(mark)
        case .nil, .function, .other:
            throw LuaError("\(field.fullName): a \(value.typeName) cannot be sent")
        }
    }

    /// The content of a TypedMessage.
    private mutating func typed(_ table: LuaTable, _ message: MessageDescriptor, depth: Int) throws {
        let key = ["_TypedMessage_", "_type", "type"].first { !table[$0].isNil }
        guard let key, let name = table[key].string, let typeField = message.field(number: 1),
            let valueField = message.field(number: 2)
        else { throw LuaError("\(message.fullName): a field '_type' that names the message type is missing") }
        var content = table
        content[key] = .nil
        let isRaw = key == "type" && content.array.isEmpty && content.fields.keys.allSatisfy { $0 == .string("value") }
        let known = DescriptorPool.shared.message(name)
        if isRaw, content["value"].bytes != nil || known == nil {
            return try fields(of: table, message, depth: depth)
        }
        guard let known else { throw LuaError("there is no message type \"\(name)\"") }
        var encoder = LuaMessageEncoder()
        try encoder.fields(of: content, known, depth: depth)
        try writer.put(name, for: typeField)
        try encoder.writer.bytes.withUnsafeBytes { try writer.put($0, for: valueField) }
    }

    private static func kind(of value: LuaValue) -> String {
        if case .table = value { "a table with names" } else { value.typeName }
    }
}
