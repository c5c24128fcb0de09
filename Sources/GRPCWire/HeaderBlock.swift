// SPDX-License-Identifier: Apache-2.0
import CNGHTTP2

/// Header fields in the flat form that the C side reads and writes: records of token, lengths, name, value.
package struct HeaderBlock: Sendable {
    /// The names that the call layer looks at; everything else is `other`.
    package enum Field {
        package static var other: UInt32 { CNGHTTP2_FIELD_OTHER.rawValue }
        package static var method: UInt32 { CNGHTTP2_FIELD_METHOD.rawValue }
        package static var authority: UInt32 { CNGHTTP2_FIELD_AUTHORITY.rawValue }
        package static var path: UInt32 { CNGHTTP2_FIELD_PATH.rawValue }
        package static var status: UInt32 { CNGHTTP2_FIELD_STATUS.rawValue }
        package static var contentType: UInt32 { CNGHTTP2_FIELD_CONTENT_TYPE.rawValue }
        package static var grpcTimeout: UInt32 { CNGHTTP2_FIELD_GRPC_TIMEOUT.rawValue }
        package static var grpcEncoding: UInt32 { CNGHTTP2_FIELD_GRPC_ENCODING.rawValue }
        package static var grpcStatus: UInt32 { CNGHTTP2_FIELD_GRPC_STATUS.rawValue }
        package static var grpcMessage: UInt32 { CNGHTTP2_FIELD_GRPC_MESSAGE.rawValue }
    }

    /// nghttp2 sends no header block that may be larger than 64 KiB.
    static let sizeLimit = 60 * 1024

    private(set) var bytes: [UInt8] = []

    package init() {}

    var isEmpty: Bool { bytes.isEmpty }

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    package mutating func replace(with block: UnsafeRawBufferPointer) {
        bytes.removeAll(keepingCapacity: true)
        bytes.append(contentsOf: block)
    }

    package mutating func append(_ name: String, _ value: String) {
        append(name, Array(value.utf8))
    }

    mutating func append(_ name: String, _ value: [UInt8]) {
        let name = Array(name.utf8)
        let field = cnghttp2_field(
            token: name.withUnsafeBufferPointer { cnghttp2_token($0.baseAddress, $0.count) },
            name_length: UInt32(truncatingIfNeeded: name.count), value_length: UInt32(truncatingIfNeeded: value.count))
        withUnsafeBytes(of: field) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: name)
        bytes.append(contentsOf: value)
    }

    mutating func append(_ metadata: GRPCMetadata) {
        for entry in metadata {
            switch entry.value {
            case .text(let text): append(entry.name, text)
            case .binary(let value): append(entry.name, Base64.encode(value))
            }
        }
    }

    /// The status as trailers: code, percent-encoded message, metadata. The message is cut, and metadata that makes the block
    /// too large to be sent is left out.
    package mutating func append(_ status: GRPCStatus) {
        append("grpc-status", String(status.code.rawValue))
        if !status.message.isEmpty {
            append("grpc-message", Self.clipped(PercentEncoding.encode(status.message)))
        }
        let count = bytes.count
        append(status.metadata)
        if bytes.count > Self.sizeLimit { bytes.removeSubrange(count...) }
    }

    private static func clipped(_ message: [UInt8]) -> [UInt8] {
        let limit = 8192
        guard message.count > limit else { return message }
        var end = limit
        // Not in the middle of an escape.
        if let percent = message[(limit - 2)..<limit].firstIndex(of: 0x25) { end = percent }
        return Array(message[..<end])
    }

    /// Calls `body` with each field: token, name, value. The buffers are valid during the call only.
    func forEach(_ body: (UInt32, UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void) {
        bytes.withUnsafeBytes { Self.forEach(in: $0, body) }
    }

    @inline(__always)
    package static func forEach(
        in block: UnsafeRawBufferPointer, _ body: (UInt32, UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void
    ) {
        let prefix = MemoryLayout<cnghttp2_field>.size
        var cursor = 0
        while block.count - cursor >= prefix {
            let field = block.loadUnaligned(fromByteOffset: cursor, as: cnghttp2_field.self)
            cursor += prefix
            let nameLength = Int(field.name_length)
            let valueLength = Int(field.value_length)
            guard nameLength <= block.count - cursor, valueLength <= block.count - cursor - nameLength else { return }
            body(
                field.token, UnsafeRawBufferPointer(rebasing: block[cursor..<(cursor + nameLength)]),
                UnsafeRawBufferPointer(rebasing: block[(cursor + nameLength)..<(cursor + nameLength + valueLength)]))
            cursor += nameLength + valueLength
        }
    }

    /// The fields that belong to the application.
    var metadata: GRPCMetadata {
        var metadata = GRPCMetadata()
        forEach { token, name, value in
            guard token == Field.other, name.first != UInt8(ascii: ":") else { return }
            metadata.addReceived(
                name: String(decoding: name, as: UTF8.self), value: String(decoding: value, as: UTF8.self))
        }
        return metadata
    }

    /// Whether there is a field with this name, in lower case.
    package func hasField(named name: String) -> Bool {
        var isThere = false
        forEach { _, candidate, _ in
            if candidate.elementsEqual(name.utf8) { isThere = true }
        }
        return isThere
    }

    /// The value of the first field with this name, in lower case, of those that have no token.
    package func value(named name: StaticString) -> String? {
        var found: String?
        forEach { token, candidate, value in
            guard token == Field.other, found == nil, candidate.count == name.utf8CodeUnitCount,
                candidate.elementsEqual(UnsafeBufferPointer(start: name.utf8Start, count: candidate.count))
            else { return }
            found = String(decoding: value, as: UTF8.self)
        }
        return found
    }

    /// The value of the first field with the token.
    package func value(_ token: UInt32) -> String? {
        var found: String?
        forEach { candidate, _, value in
            if candidate == token && found == nil { found = String(decoding: value, as: UTF8.self) }
        }
        return found
    }

    /// The status that trailers carry; nil when there is none.
    package var status: GRPCStatus? {
        guard let text = value(Field.grpcStatus) else { return nil }
        var message = ""
        forEach { token, _, value in
            if token == Field.grpcMessage { message = PercentEncoding.decode(value) }
        }
        let code = Int(text).flatMap(GRPCStatus.Code.init(rawValue:)) ?? .unknown
        return GRPCStatus(code, message, metadata: metadata)
    }
}
