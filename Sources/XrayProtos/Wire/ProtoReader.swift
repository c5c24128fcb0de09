// SPDX-License-Identifier: Apache-2.0

/// One value as a `ProtoReader` finds it. Text and bytes point into the reader's buffer.
package enum ProtoRawValue {
    /// int32, int64, sint32, sint64, sfixed32 and sfixed64.
    case int(Int64)
    /// uint32, uint64, fixed32 and fixed64.
    case uint(UInt64)
    case double(Double)
    case float(Float)
    case bool(Bool)
    /// Checked to be UTF-8.
    case string(UnsafeRawBufferPointer)
    case bytes(UnsafeRawBufferPointer)
    case enumeration(Int32)
    /// A message, or an entry of a map, to be read in turn.
    case message(ProtoReader)
}

/// Walks the fields of an encoded message in wire order, without building anything.
///
/// Elements of a list come one by one, packed or not. Unknown fields, and known ones in a wire type that is not
/// theirs, are skipped after a check of their form. What the wire says twice is told twice: the caller decides (the
/// last scalar wins, messages merge). Every failure is final: `next()` must not be called again after it.
///
/// The reader and the values that it hands out are valid only as long as the buffer is.
package struct ProtoReader {
    package let descriptor: MessageDescriptor
    private let base: UnsafeRawBufferPointer
    private var position: Int
    private let end: Int
    private let depth: Int
    private var packed: FieldDescriptor?
    private var packedEnd = 0

    /// - Parameter depth: how many levels this message stands below the outermost one.
    package init(_ bytes: UnsafeRawBufferPointer, descriptor: MessageDescriptor, depth: Int = 0) {
        self.descriptor = descriptor
        base = bytes
        position = 0
        end = bytes.count
        self.depth = depth
    }

    /// How many bytes are unread.
    package var remaining: Int { end - position }

    /// How many levels this message stands below the outermost one.
    package var level: Int { depth }

    /// The next field and its value, nil at the end.
    package mutating func next() throws(ProtoError) -> (field: FieldDescriptor, value: ProtoRawValue)? {
        if let packed {
            if position < packedEnd { return (packed, try scalar(packed, limit: packedEnd)) }
            self.packed = nil
        }
        while position < end {
            let (number, type) = try tag()
            guard let field = descriptor.field(number: number) else {
                try skip(type, number: number, nesting: 0)
                continue
            }
            if type == field.wireType {
                if type == .lengthDelimited { return (field, try delimited(field)) }
                return (field, try scalar(field, limit: end))
            }
            if type == .lengthDelimited, field.cardinality == .list, field.isPackable {
                let length = try length(limit: end)
                if length == 0 { continue }
                packed = field
                packedEnd = position + length
                return (field, try scalar(field, limit: packedEnd))
            }
            try skip(type, number: number, nesting: 0)
        }
        return nil
    }

    /// Reads all of a map entry; a missing key or value is the zero of its type.
    package mutating func entry() throws(ProtoError) -> (key: ProtoRawValue, value: ProtoRawValue) {
        guard let keyField = descriptor.mapKey, let valueField = descriptor.mapValue else {
            throw fail(.mismatch, "no map entry")
        }
        var key = zero(of: keyField)
        var value = zero(of: valueField)
        while let (field, raw) = try next() {
            if field.number == 1 { key = raw } else { value = raw }
        }
        return (key, value)
    }

    private func zero(of field: FieldDescriptor) -> ProtoRawValue {
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        switch field.kind {
        case .double: return .double(0)
        case .float: return .float(0)
        case .bool: return .bool(false)
        case .string: return .string(empty)
        case .bytes: return .bytes(empty)
        case .enumeration: return .enumeration(0)
        case .uint32, .uint64, .fixed32, .fixed64: return .uint(0)
        case .int32, .int64, .sint32, .sint64, .sfixed32, .sfixed64: return .int(0)
        case .message:
            return .message(ProtoReader(empty, descriptor: field.messageType ?? descriptor, depth: depth + 1))
        }
    }

    // MARK: values

    @inline(__always)
    private mutating func scalar(_ field: FieldDescriptor, limit: Int) throws(ProtoError) -> ProtoRawValue {
        switch field.kind {
        case .int64: return .int(Int64(bitPattern: try varint(limit: limit)))
        case .uint64: return .uint(try varint(limit: limit))
        case .int32: return .int(Int64(Int32(truncatingIfNeeded: try varint(limit: limit))))
        case .uint32: return .uint(UInt64(UInt32(truncatingIfNeeded: try varint(limit: limit))))
        case .bool: return .bool(try varint(limit: limit) != 0)
        case .enumeration: return .enumeration(Int32(truncatingIfNeeded: try varint(limit: limit)))
        case .sint32:
            let value = UInt32(truncatingIfNeeded: try varint(limit: limit))
            return .int(Int64(Int32(bitPattern: (value >> 1) ^ (0 &- (value & 1)))))
        case .sint64:
            let value = try varint(limit: limit)
            return .int(Int64(bitPattern: (value >> 1) ^ (0 &- (value & 1))))
        case .fixed64: return .uint(try fixed64(limit: limit))
        case .sfixed64: return .int(Int64(bitPattern: try fixed64(limit: limit)))
        case .double: return .double(Double(bitPattern: try fixed64(limit: limit)))
        case .fixed32: return .uint(UInt64(try fixed32(limit: limit)))
        case .sfixed32: return .int(Int64(Int32(bitPattern: try fixed32(limit: limit))))
        case .float: return .float(Float(bitPattern: try fixed32(limit: limit)))
        case .string, .bytes, .message: throw fail(.mismatch, "\(field.name) has no scalar type")
        }
    }

    private mutating func delimited(_ field: FieldDescriptor) throws(ProtoError) -> ProtoRawValue {
        let length = try length(limit: end)
        let content = UnsafeRawBufferPointer(rebasing: base[position..<(position + length)])
        position += length
        switch field.kind {
        case .string:
            guard isUTF8(content) else { throw fail(.malformed, "\(field.name) is not UTF-8") }
            return .string(content)
        case .message:
            guard depth + 1 < ProtoLimits.depth else { throw fail(.tooDeep, "messages are nested too deep") }
            guard let type = field.messageType else { throw fail(.mismatch, "\(field.name) has no message type") }
            return .message(ProtoReader(content, descriptor: type, depth: depth + 1))
        default:
            return .bytes(content)
        }
    }

    // MARK: wire

    private mutating func tag() throws(ProtoError) -> (number: Int, type: WireType) {
        let tag = try varint(limit: end)
        guard tag <= UInt64(UInt32.max), tag >> 3 != 0 else { throw fail(.malformed, "bad field number") }
        guard let type = WireType(rawValue: UInt8(tag & 7)) else { throw fail(.malformed, "bad wire type") }
        return (Int(tag >> 3), type)
    }

    @inline(__always)
    private mutating func varint(limit: Int) throws(ProtoError) -> UInt64 {
        guard position < limit else { throw fail(.malformed, "cut off") }
        let first = base[position]
        if first < 0x80 {
            position += 1
            return UInt64(first)
        }
        return try longVarint(limit: limit)
    }

    private mutating func longVarint(limit: Int) throws(ProtoError) -> UInt64 {
        var result: UInt64 = 0
        var shift: UInt64 = 0
        while position < limit {
            let byte = base[position]
            position += 1
            // The tenth byte holds the 64th bit and nothing else.
            if shift == 63, byte > 1 { throw fail(.malformed, "overlong varint") }
            result |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return result }
            shift += 7
        }
        throw fail(.malformed, "cut off")
    }

    private mutating func length(limit: Int) throws(ProtoError) -> Int {
        let length = try varint(limit: limit)
        guard length <= UInt64(limit - position) else { throw fail(.malformed, "cut off") }
        return Int(length)
    }

    private mutating func fixed64(limit: Int) throws(ProtoError) -> UInt64 {
        guard limit - position >= 8 else { throw fail(.malformed, "cut off") }
        defer { position += 8 }
        return UInt64(littleEndian: base.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    }

    private mutating func fixed32(limit: Int) throws(ProtoError) -> UInt32 {
        guard limit - position >= 4 else { throw fail(.malformed, "cut off") }
        defer { position += 4 }
        return UInt32(littleEndian: base.loadUnaligned(fromByteOffset: position, as: UInt32.self))
    }

    private mutating func skip(_ type: WireType, number: Int, nesting: Int) throws(ProtoError) {
        switch type {
        case .varint: _ = try varint(limit: end)
        case .fixed64: _ = try fixed64(limit: end)
        case .fixed32: _ = try fixed32(limit: end)
        case .lengthDelimited: position += try length(limit: end)
        case .endGroup: throw fail(.malformed, "end of a group that has not begun")
        case .startGroup:
            guard depth + nesting + 1 < ProtoLimits.depth else {
                throw fail(.tooDeep, "groups are nested too deep")
            }
            while true {
                let (inner, innerType) = try tag()
                if innerType == .endGroup {
                    guard inner == number else { throw fail(.malformed, "end of another group") }
                    return
                }
                try skip(innerType, number: inner, nesting: nesting + 1)
            }
        }
    }

    private func fail(_ code: ProtoError.Code, _ what: String) -> ProtoError {
        ProtoError(code, "\(descriptor.fullName): \(what)")
    }
}

/// Whether the bytes are well-formed UTF-8. ASCII, the usual case, is told eight bytes at a time.
func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var offset = 0
    while bytes.count - offset >= 8 {
        if bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) & 0x8080_8080_8080_8080 != 0 { break }
        offset += 8
    }
    while offset < bytes.count, bytes[offset] < 0x80 { offset += 1 }
    if offset == bytes.count { return true }
    return String(validating: bytes[offset...], as: UTF8.self) != nil
}
