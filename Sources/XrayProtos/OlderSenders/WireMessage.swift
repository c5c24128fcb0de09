// SPDX-License-Identifier: Apache-2.0

/// The fields of an encoded message as they stand on the wire, without a schema: what a message of another release is taken
/// apart and put together with.
struct WireMessage: Equatable {
    enum Value: Equatable {
        case varint(UInt64)
        /// Text, bytes, a message or packed numbers.
        case delimited([UInt8])
        /// fixed32 and fixed64, little-endian.
        case fixed([UInt8])
    }

    struct Field: Equatable {
        var number: Int
        var value: Value
    }

    var fields: [Field] = []

    init(fields: [Field] = []) {
        self.fields = fields
    }

    /// Nil when the bytes are no message. Groups are none either: no release of Xray has them.
    init?(_ bytes: some Collection<UInt8>) {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            guard let tag = Self.varint(&rest), tag >> 3 > 0, tag >> 3 < 1 << 29 else { return nil }
            let number = Int(tag >> 3)
            switch tag & 7 {
            case 0:
                guard let value = Self.varint(&rest) else { return nil }
                fields.append(Field(number: number, value: .varint(value)))
            case 2:
                guard let length = Self.varint(&rest), length <= UInt64(rest.count) else { return nil }
                fields.append(Field(number: number, value: .delimited(Array(rest.prefix(Int(length))))))
                rest = rest.dropFirst(Int(length))
            case 1, 5:
                let length = tag & 7 == 1 ? 8 : 4
                guard rest.count >= length else { return nil }
                fields.append(Field(number: number, value: .fixed(Array(rest.prefix(length)))))
                rest = rest.dropFirst(length)
            default: return nil
            }
        }
    }

    var bytes: [UInt8] {
        var output: [UInt8] = []
        for field in fields {
            let tag = UInt64(field.number) << 3
            switch field.value {
            case .varint(let value):
                Self.append(tag, to: &output)
                Self.append(value, to: &output)
            case .delimited(let content):
                Self.append(tag | 2, to: &output)
                Self.append(UInt64(content.count), to: &output)
                output += content
            case .fixed(let content):
                Self.append(tag | (content.count == 8 ? 1 : 5), to: &output)
                output += content
            }
        }
        return output
    }

    func contains(_ number: Int) -> Bool { fields.contains { $0.number == number } }

    /// The field's last number; nil when it is not there or of another wire type.
    func number(_ number: Int) -> UInt64? {
        for field in fields.reversed() where field.number == number {
            if case .varint(let value) = field.value { return value }
        }
        return nil
    }

    /// The contents of all delimited fields of that number.
    func delimited(_ number: Int) -> [[UInt8]] {
        fields.compactMap { field in
            guard field.number == number, case .delimited(let content) = field.value else { return nil }
            return content
        }
    }

    mutating func remove(_ number: Int) { fields.removeAll { $0.number == number } }

    mutating func append(_ number: Int, _ content: [UInt8]) {
        fields.append(Field(number: number, value: .delimited(content)))
    }

    mutating func append(_ number: Int, _ value: UInt64) {
        fields.append(Field(number: number, value: .varint(value)))
    }

    private static func varint(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while let byte = rest.popFirst() {
            guard shift < 64 else { return nil }
            value |= UInt64(byte & 0x7f) << shift
            guard byte >= 0x80 else { return value }
            shift += 7
        }
        return nil
    }

    private static func append(_ value: UInt64, to output: inout [UInt8]) {
        var value = value
        while value >= 0x80 {
            output.append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        output.append(UInt8(truncatingIfNeeded: value))
    }
}
