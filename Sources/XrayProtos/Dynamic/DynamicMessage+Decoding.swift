// SPDX-License-Identifier: Apache-2.0

extension DynamicMessage {
    /// Decodes a message; unknown fields are dropped.
    package init(_ descriptor: MessageDescriptor, decoding bytes: [UInt8]) throws(ProtoError) {
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(ProtoError) in
                try DynamicMessage(ProtoReader(buffer, descriptor: descriptor))
            }
        }
        self = try result.get()
    }

    /// Reads all that is left in the reader.
    package init(_ reader: ProtoReader) throws(ProtoError) {
        try self.init(reader.descriptor, merging: [reader])
    }

    /// Reads the parts of one message as if they stood one after the other: scalars replace, lists grow, messages
    /// merge. Parts are gathered before they are read, so that the work grows with their size alone.
    private init(_ descriptor: MessageDescriptor, merging parts: [ProtoReader]) throws(ProtoError) {
        self.init(descriptor)
        var messages: [Int: [ProtoReader]] = [:]
        var lists: [Int: [DynamicValue]] = [:]
        var maps: [Int: [DynamicKey: DynamicValue]] = [:]
        for part in parts {
            var reader = part
            while let (field, raw) = try reader.next() {
                switch (field.cardinality, raw) {
                case (.list, _):
                    lists[field.number, default: []].append(try Self.value(raw))
                case (.map, .message(var entry)):
                    let (key, value) = try entry.entry()
                    if let key = Self.key(key) { maps[field.number, default: [:]][key] = try Self.value(value) }
                case (.map, _):
                    continue
                case (.single, .message(let inner)):
                    for member in Self.rivals(of: field, in: descriptor) {
                        self[number: member] = nil
                        messages[member] = nil
                    }
                    messages[field.number, default: []].append(inner)
                case (.single, _):
                    for member in Self.rivals(of: field, in: descriptor) { messages[member] = nil }
                    let value = try Self.value(raw)
                    self[number: field.number] = !field.hasPresence && value.isZero ? nil : value
                }
            }
        }
        for (number, parts) in messages {
            guard let first = parts.first else { continue }
            self[number: number] = .message(try DynamicMessage(first.descriptor, merging: parts))
        }
        for (number, elements) in lists { self[number: number] = .list(elements) }
        for (number, entries) in maps { self[number: number] = .map(entries) }
    }

    private static func value(_ raw: ProtoRawValue) throws(ProtoError) -> DynamicValue {
        switch raw {
        case .int(let value): .int(value)
        case .uint(let value): .uint(value)
        case .double(let value): .double(value)
        case .float(let value): .float(value)
        case .bool(let value): .bool(value)
        case .string(let text): .string(String(decoding: text, as: UTF8.self))
        case .bytes(let bytes): .bytes(Array(bytes))
        case .enumeration(let number): .enumeration(number)
        case .message(let reader): .message(try DynamicMessage(reader))
        }
    }

    private static func key(_ raw: ProtoRawValue) -> DynamicKey? {
        switch raw {
        case .int(let value): .int(value)
        case .uint(let value): .uint(value)
        case .bool(let value): .bool(value)
        case .string(let text): .string(String(decoding: text, as: UTF8.self))
        default: nil
        }
    }
}

extension DynamicValue {
    /// Whether this is what a field without presence has when it is absent. Minus zero is not.
    var isZero: Bool {
        switch self {
        case .int(let value): value == 0
        case .uint(let value): value == 0
        case .double(let value): value.bitPattern == 0
        case .float(let value): value.bitPattern == 0
        case .bool(let value): !value
        case .string(let value): value.isEmpty
        case .bytes(let value): value.isEmpty
        case .enumeration(let value): value == 0
        case .message: false
        case .list(let values): values.isEmpty
        case .map(let entries): entries.isEmpty
        }
    }
}
