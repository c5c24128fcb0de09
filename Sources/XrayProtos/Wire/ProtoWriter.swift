// SPDX-License-Identifier: Apache-2.0

/// Encodes a message field by field, without building anything.
///
/// A value is converted to the field's type where nothing is lost (integers, whole doubles, names of enum values)
/// and refused otherwise. The zero of a field without presence is left out. After an error the writer is spent.
///
///     var writer = ProtoWriter()
///     try writer.put("direct", for: tag)
///     let list = try writer.beginList(ports)
///     try writer.put(Int64(80), for: ports)
///     writer.endList(list)
///     let message = try writer.begin(user)
///     try writer.put("a@example.com", for: email)
///     writer.end(message)
package struct ProtoWriter: Sendable {
    package private(set) var bytes: [UInt8] = []
    private let limit: Int
    private var depth = 1
    private var mode = Mode.fields

    fileprivate enum Mode: Sendable {
        /// Fields of a message.
        case fields
        /// Elements of a list, each with its tag.
        case elements
        /// Elements of a packed list.
        case packed
    }

    /// A message or list that has been begun and must be ended, innermost first.
    package struct Mark: Sendable {
        fileprivate let tag: Int
        /// Where the byte kept for the length stands; nil for a list that has no length of its own.
        fileprivate let length: Int?
        fileprivate let mode: Mode
    }

    /// - Parameter limit: the largest message in bytes; values that are shared between branches can multiply.
    package init(limit: Int = ProtoLimits.size) {
        self.limit = limit
    }

    // MARK: nesting

    /// Begins a message, an element of a list of messages, or an entry of a map (whose key and value follow).
    package mutating func begin(_ field: FieldDescriptor) throws(ProtoError) -> Mark {
        guard field.kind == .message else { throw Self.mismatch(field, "a message") }
        guard depth < ProtoLimits.depth else { throw ProtoError(.tooDeep, "\(field.fullName): nested too deep") }
        depth += 1
        return try open(field, mode: .fields)
    }

    package mutating func end(_ mark: Mark) {
        depth -= 1
        close(mark)
    }

    /// Begins a list, packed where the type allows it. Its elements are put, or begun, with the same field.
    package mutating func beginList(_ field: FieldDescriptor) throws(ProtoError) -> Mark {
        guard field.cardinality != .single else { throw Self.mismatch(field, "a list") }
        if field.isPackable { return try open(field, mode: .packed) }
        let mark = Mark(tag: bytes.count, length: nil, mode: mode)
        mode = .elements
        return mark
    }

    /// Ends a list; an empty one leaves no trace.
    package mutating func endList(_ mark: Mark) {
        if let length = mark.length, bytes.count == length + 1 {
            bytes.removeSubrange(mark.tag...)
            mode = mark.mode
        } else {
            close(mark)
        }
    }

    private mutating func open(_ field: FieldDescriptor, mode inner: Mode) throws(ProtoError) -> Mark {
        let start = bytes.count
        try tag(field, .lengthDelimited)
        let mark = Mark(tag: start, length: bytes.count, mode: mode)
        bytes.append(0)
        mode = inner
        return mark
    }

    private mutating func close(_ mark: Mark) {
        mode = mark.mode
        guard let position = mark.length else { return }
        let length = bytes.count - position - 1
        if length < 0x80 {
            bytes[position] = UInt8(truncatingIfNeeded: length)
            return
        }
        // One byte was kept for the length; a longer one moves the content.
        var encoded: [UInt8] = []
        var rest = UInt64(length)
        while rest >= 0x80 {
            encoded.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        encoded.append(UInt8(truncatingIfNeeded: rest))
        bytes.replaceSubrange(position...position, with: encoded)
    }

    // MARK: values

    package mutating func put(_ value: Int64, for field: FieldDescriptor) throws(ProtoError) {
        switch field.kind {
        case .uint32, .uint64, .fixed32, .fixed64:
            guard let value = UInt64(exactly: value) else { throw Self.outOfRange(field, value) }
            try put(value, for: field)
        case .int32, .enumeration:
            guard let narrow = Int32(exactly: value) else { throw Self.outOfRange(field, value) }
            if try prepare(field, .varint, isZero: narrow == 0) { varint(UInt64(bitPattern: value)) }
        case .int64:
            if try prepare(field, .varint, isZero: value == 0) { varint(UInt64(bitPattern: value)) }
        case .sint32:
            guard let narrow = Int32(exactly: value) else { throw Self.outOfRange(field, value) }
            if try prepare(field, .varint, isZero: narrow == 0) {
                varint(UInt64(UInt32(bitPattern: (narrow << 1) ^ (narrow >> 31))))
            }
        case .sint64:
            if try prepare(field, .varint, isZero: value == 0) {
                varint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
            }
        case .sfixed32:
            guard let narrow = Int32(exactly: value) else { throw Self.outOfRange(field, value) }
            if try prepare(field, .fixed32, isZero: narrow == 0) { fixed(UInt32(bitPattern: narrow)) }
        case .sfixed64:
            if try prepare(field, .fixed64, isZero: value == 0) { fixed(UInt64(bitPattern: value)) }
        case .double, .float:
            try put(Double(value), for: field)
        case .bool, .string, .bytes, .message:
            throw Self.mismatch(field, Self.expected(field))
        }
    }

    package mutating func put(_ value: UInt64, for field: FieldDescriptor) throws(ProtoError) {
        switch field.kind {
        case .uint32:
            guard value <= UInt64(UInt32.max) else { throw Self.outOfRange(field, value) }
            if try prepare(field, .varint, isZero: value == 0) { varint(value) }
        case .uint64:
            if try prepare(field, .varint, isZero: value == 0) { varint(value) }
        case .fixed32:
            guard let narrow = UInt32(exactly: value) else { throw Self.outOfRange(field, value) }
            if try prepare(field, .fixed32, isZero: value == 0) { fixed(narrow) }
        case .fixed64:
            if try prepare(field, .fixed64, isZero: value == 0) { fixed(value) }
        case .double, .float:
            try put(Double(value), for: field)
        default:
            guard let signed = Int64(exactly: value) else { throw Self.outOfRange(field, value) }
            try put(signed, for: field)
        }
    }

    package mutating func put(_ value: Double, for field: FieldDescriptor) throws(ProtoError) {
        switch field.kind {
        case .double:
            if try prepare(field, .fixed64, isZero: value.bitPattern == 0) { fixed(value.bitPattern) }
        case .float:
            let narrow = Float(value)
            guard narrow.isFinite || !value.isFinite else { throw Self.outOfRange(field, value) }
            if try prepare(field, .fixed32, isZero: narrow.bitPattern == 0) { fixed(narrow.bitPattern) }
        case .bool, .string, .bytes, .message:
            throw Self.mismatch(field, Self.expected(field))
        default:
            if let whole = Int64(exactly: value) {
                try put(whole, for: field)
            } else if let whole = UInt64(exactly: value) {
                try put(whole, for: field)
            } else {
                throw Self.outOfRange(field, value)
            }
        }
    }

    package mutating func put(_ value: Bool, for field: FieldDescriptor) throws(ProtoError) {
        guard field.kind == .bool else { throw Self.mismatch(field, Self.expected(field)) }
        if try prepare(field, .varint, isZero: !value) { bytes.append(value ? 1 : 0) }
    }

    package mutating func put(_ value: String, for field: FieldDescriptor) throws(ProtoError) {
        var value = value
        let result: Result<Void, ProtoError> = value.withUTF8 { text in
            Result { () throws(ProtoError) in try put(UnsafeRawBufferPointer(text), for: field) }
        }
        try result.get()
    }

    /// Puts text or bytes: UTF-8 for a string, the name of a value for an enum.
    package mutating func put(_ value: UnsafeRawBufferPointer, for field: FieldDescriptor) throws(ProtoError) {
        switch field.kind {
        case .string:
            guard isUTF8(value) else { throw ProtoError(.mismatch, "\(field.fullName): text is not UTF-8") }
        case .bytes:
            break
        case .enumeration:
            let name = String(decoding: value, as: UTF8.self)
            guard let number = field.enumType?.number(named: name) else {
                throw ProtoError(.unknownName, "\(field.fullName): no value named \"\(name)\"")
            }
            return try put(Int64(number), for: field)
        default:
            throw Self.mismatch(field, Self.expected(field))
        }
        guard value.count <= limit - bytes.count else { throw Self.tooLarge(field) }
        if try prepare(field, .lengthDelimited, isZero: value.isEmpty) {
            varint(UInt64(value.count))
            bytes.append(contentsOf: value)
        }
    }

    // MARK: wire

    /// Writes the tag where one is due. False: nothing is to be written.
    private mutating func prepare(
        _ field: FieldDescriptor, _ type: WireType, isZero: Bool
    ) throws(ProtoError) -> Bool {
        switch mode {
        case .packed:
            if bytes.count >= limit { throw Self.tooLarge(field) }
        case .elements:
            try tag(field, type)
        case .fields:
            if isZero, !field.hasPresence, field.cardinality == .single { return false }
            try tag(field, type)
        }
        return true
    }

    private mutating func tag(_ field: FieldDescriptor, _ type: WireType) throws(ProtoError) {
        if bytes.count >= limit { throw Self.tooLarge(field) }
        varint(UInt64(field.number) << 3 | UInt64(type.rawValue))
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private mutating func fixed<Word: FixedWidthInteger>(_ value: Word) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private static func expected(_ field: FieldDescriptor) -> String {
        switch field.kind {
        case .bool: "a boolean"
        case .string, .bytes: "a string"
        case .message: field.cardinality == .map ? "a map" : "a message"
        case .enumeration: "a name or number of \(field.typeName ?? "an enum")"
        case .double, .float: "a number"
        default: "an integer"
        }
    }

    private static func mismatch(_ field: FieldDescriptor, _ expected: String) -> ProtoError {
        ProtoError(.mismatch, "\(field.fullName): expected \(expected)")
    }

    private static func outOfRange(_ field: FieldDescriptor, _ value: some CustomStringConvertible) -> ProtoError {
        ProtoError(.outOfRange, "\(field.fullName): \(value) does not fit \(field.kind)")
    }

    private static func tooLarge(_ field: FieldDescriptor) -> ProtoError {
        ProtoError(.tooLarge, "\(field.fullName): the message grows too large")
    }
}
