// SPDX-License-Identifier: Apache-2.0
import LuaRuntime
import XrayProtos

/// Pushes an encoded message as a Lua table, straight from its bytes.
///
/// Fields go by their name in the .proto file. Those without presence are always there: a counter that is zero is 0 and an empty
/// list is `{}`; messages, members of a oneof and optional fields are nil when absent. Enums are names, bytes are strings,
/// unsigned 64-bit numbers wrap into Lua's integers. A TypedMessage whose type is known becomes its fields, with
/// the type's name in `_TypedMessage_`.
enum LuaMessageDecoder {
    private static let typedMessage = "xray.common.serial.TypedMessage"

    static func push(_ bytes: UnsafeRawBufferPointer, as type: MessageDescriptor, on call: LuaCall) throws {
        try push(ProtoReader(bytes, descriptor: type), on: call)
    }

    /// Pushes the one table that the reader's message becomes.
    static func push(_ reader: ProtoReader, on call: LuaCall) throws {
        if reader.descriptor.fullName == typedMessage, try pushTyped(reader, on: call) { return }
        call.beginTable(fields: reader.descriptor.fields.count)
        try fields(reader, on: call)
    }

    private static func fields(_ reader: ProtoReader, on call: LuaCall) throws {
        let type = reader.descriptor
        if type.isFlat { return try flatFields(reader, on: call) }
        var reader = reader
        // Elements of a list may stand apart on the wire, so they are gathered first; they only point into the buffer.
        var gathered: [Int: [ProtoRawValue]] = [:]
        while let (field, value) = try reader.next() {
            if field.cardinality == .single {
                gathered[field.number] = [value]
            } else {
                gathered[field.number, default: []].append(value)
            }
        }
        for field in type.fields {
            let values = gathered[field.number] ?? []
            switch field.cardinality {
            case .single:
                if let value = values.last {
                    try push(value, field, on: call)
                    call.endField(field.name)
                } else {
                    setDefault(field, on: call)
                }
            case .list:
                call.beginTable(array: values.count)
                for (index, value) in values.enumerated() {
                    try push(value, field, on: call)
                    call.endElement(index + 1)
                }
                call.endField(field.name)
            case .map:
                call.beginTable(fields: values.count)
                for case .message(var entry) in values { try pushEntry(&entry, on: call) }
                call.endField(field.name)
            }
        }
    }

    /// A message of single scalars, such as a row of statistics: no detour.
    private static func flatFields(_ reader: ProtoReader, on call: LuaCall) throws {
        var reader = reader
        var seen: UInt64 = 0
        while let (field, value) = try reader.next() {
            seen |= 1 << UInt64(field.number)
            switch value {
            case .int(let value): call.setField(field.name, value)
            case .string(let text): call.setField(field.name, String(decoding: text, as: UTF8.self))
            default:
                try push(value, field, on: call)
                call.endField(field.name)
            }
        }
        for field in reader.descriptor.fields where seen & (1 << UInt64(field.number)) == 0 {
            setDefault(field, on: call)
        }
    }

    private static func pushEntry(_ entry: inout ProtoReader, on call: LuaCall) throws {
        let valueField = entry.descriptor.mapValue
        let (key, value) = try entry.entry()
        guard let valueField else { return }
        try push(value, valueField, on: call)
        switch key {
        case .string(let text): call.endField(String(decoding: text, as: UTF8.self))
        case .int(let number): call.endElement(Int(clamping: number))
        case .uint(let number): call.endElement(Int(clamping: number))
        case .bool(let flag): call.endField("\(flag)")
        default: call.endField("")
        }
    }

    private static func push(_ value: ProtoRawValue, _ field: FieldDescriptor, on call: LuaCall) throws {
        switch value {
        case .int(let value): call.push(value)
        case .uint(let value): call.push(Int64(bitPattern: value))
        case .double(let value): call.push(value)
        case .float(let value): call.push(Double(value))
        case .bool(let value): call.push(value)
        case .string(let text), .bytes(let text): call.push(bytes: text)
        case .enumeration(let number): pushEnum(number, field, on: call)
        case .message(let reader): try push(reader, on: call)
        }
    }

    /// A number without a name stays a number.
    private static func pushEnum(_ number: Int32, _ field: FieldDescriptor, on call: LuaCall) {
        if let name = field.enumType?.name(of: number) { call.push(name) } else { call.push(Int64(number)) }
    }

    private static func setDefault(_ field: FieldDescriptor, on call: LuaCall) {
        guard !field.hasPresence else { return }
        switch field.kind {
        case .double, .float: call.setField(field.name, 0.0)
        case .bool: call.setField(field.name, false)
        case .string, .bytes: call.setField(field.name, "")
        case .enumeration:
            pushEnum(0, field, on: call)
            call.endField(field.name)
        case .message: break
        default: call.setField(field.name, Int64(0))
        }
    }

    /// False for a type that is not known, whose message stays raw.
    private static func pushTyped(_ reader: ProtoReader, on call: LuaCall) throws -> Bool {
        var reader = reader
        let level = reader.level
        var name = ""
        var content = UnsafeRawBufferPointer(start: nil, count: 0)
        while let (field, value) = try reader.next() {
            if case .string(let text) = value { name = String(decoding: text, as: UTF8.self) }
            if case .bytes(let bytes) = value, field.number == 2 { content = bytes }
        }
        guard let type = DescriptorPool.shared.message(name), level < ProtoLimits.depth - 1 else { return false }
        call.beginTable(fields: type.fields.count + 1)
        try fields(ProtoReader(content, descriptor: type, depth: level + 1), on: call)
        call.setField("_TypedMessage_", name)
        return true
    }
}

extension MessageDescriptor {
    /// Single scalars with small numbers only.
    fileprivate var isFlat: Bool {
        fields.allSatisfy { $0.cardinality == .single && $0.kind != .message && $0.number < 64 }
    }
}
