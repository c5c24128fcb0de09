// SPDX-License-Identifier: Apache-2.0

extension DynamicMessage {
    /// Encodes the message: fields in the order of their numbers, map entries in the order of their keys' text.
    /// - Throws: `ProtoError` for a value that does not fit its field.
    package func serialized() throws(ProtoError) -> [UInt8] {
        var writer = ProtoWriter()
        try write(to: &writer)
        return writer.bytes
    }

    /// Writes the fields into the message that the writer is in.
    package func write(to writer: inout ProtoWriter) throws(ProtoError) {
        for (field, value) in fields {
            switch (field.cardinality, value) {
            case (.list, .list(let elements)):
                let list = try writer.beginList(field)
                for element in elements { try Self.write(element, field, to: &writer) }
                writer.endList(list)
            case (.map, .map(let entries)):
                guard let entry = field.messageType, let key = entry.mapKey, let content = entry.mapValue else {
                    throw ProtoError(.mismatch, "\(field.fullName) is no map")
                }
                for (entryKey, entryValue) in entries.sorted(by: { $0.key.text < $1.key.text }) {
                    let mark = try writer.begin(field)
                    try Self.write(entryKey.value, key, to: &writer)
                    try Self.write(entryValue, content, to: &writer)
                    writer.end(mark)
                }
            case (.single, _):
                try Self.write(value, field, to: &writer)
            default:
                throw ProtoError(.mismatch, "\(field.fullName): expected a \(field.cardinality)")
            }
        }
    }

    private static func write(
        _ value: DynamicValue, _ field: FieldDescriptor, to writer: inout ProtoWriter
    ) throws(ProtoError) {
        switch value {
        case .int(let value): try writer.put(value, for: field)
        case .uint(let value): try writer.put(value, for: field)
        case .double(let value): try writer.put(value, for: field)
        case .float(let value): try writer.put(Double(value), for: field)
        case .bool(let value): try writer.put(value, for: field)
        case .string(let value): try writer.put(value, for: field)
        case .enumeration(let number): try writer.put(Int64(number), for: field)
        case .bytes(let value):
            let result = value.withUnsafeBytes { bytes in
                Result { () throws(ProtoError) in try writer.put(bytes, for: field) }
            }
            try result.get()
        case .message(let message):
            guard message.descriptor.fullName == field.typeName else {
                let expected = field.typeName ?? "a scalar"
                throw ProtoError(
                    .mismatch, "\(field.fullName): expected \(expected), not \(message.descriptor.fullName)")
            }
            let mark = try writer.begin(field)
            try message.write(to: &writer)
            writer.end(mark)
        case .list, .map:
            throw ProtoError(.mismatch, "\(field.fullName): a list inside a single value")
        }
    }
}

extension DynamicKey {
    var value: DynamicValue {
        switch self {
        case .int(let value): .int(value)
        case .uint(let value): .uint(value)
        case .bool(let value): .bool(value)
        case .string(let value): .string(value)
        }
    }
}
