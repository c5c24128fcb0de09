// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// What a server has to know of a client's first TLS message before it picks a certificate (RFC 8446 section 4.1.2).
struct ClientHello: Equatable {
    /// Lower case, without a trailing dot; empty when the client names none.
    var serverName = ""

    enum Outcome: Equatable {
        case needMore
        case hello(ClientHello)
        case invalid
    }

    /// The largest hello that is waited for; the largest in use, with post-quantum keys, have 2 KiB.
    static let limit = 32 * 1024
    /// A hello in more records than this is somebody's attempt to have it parsed again and again.
    private static let recordLimit = 16

    /// Reads a hello that may be cut into several records, and leaves `buffer` where it is.
    static func peek(_ buffer: ByteBuffer) -> Outcome {
        var records = buffer
        var message = ByteBuffer()
        for _ in 0..<recordLimit {
            guard let type = records.readInteger(as: UInt8.self) else { return .needMore }
            guard type == 22 else { return .invalid }
            guard let major = records.readInteger(as: UInt8.self) else { return .needMore }
            guard major == 3 else { return .invalid }
            guard records.readInteger(as: UInt8.self) != nil, let length = records.readInteger(as: UInt16.self) else {
                return .needMore
            }
            guard length > 0, length <= 16_384 else { return .invalid }
            if message.readableBytes == 0, let first = records.getInteger(at: records.readerIndex, as: UInt8.self) {
                guard first == 1 else { return .invalid }
            }
            guard var fragment = records.readSlice(length: Int(length)) else {
                return buffer.readableBytes > limit ? .invalid : .needMore
            }
            if message.readableBytes == 0 { message = fragment } else { message.writeBuffer(&fragment) }
            guard let head = message.getInteger(at: message.readerIndex, as: UInt32.self) else { continue }
            let size = Int(head & 0xff_ffff)
            guard size <= limit else { return .invalid }
            guard message.readableBytes >= size + 4 else { continue }
            message.moveReaderIndex(forwardBy: 4)
            guard let body = message.readSlice(length: size) else { return .invalid }
            return parse(body).map(Outcome.hello) ?? .invalid
        }
        return .invalid
    }

    private static func parse(_ body: ByteBuffer) -> ClientHello? {
        var body = body
        // legacy_version and random; session id, cipher suites and compression methods each have a length in front.
        guard body.readSlice(length: 34) != nil, body.readLengthPrefixedSlice(as: UInt8.self) != nil,
            body.readLengthPrefixedSlice(as: UInt16.self) != nil, body.readLengthPrefixedSlice(as: UInt8.self) != nil
        else { return nil }
        guard body.readableBytes > 0 else { return ClientHello() }
        guard var extensions = body.readLengthPrefixedSlice(as: UInt16.self), body.readableBytes == 0 else {
            return nil
        }
        while extensions.readableBytes > 0 {
            guard let type = extensions.readInteger(as: UInt16.self),
                var content = extensions.readLengthPrefixedSlice(as: UInt16.self)
            else { return nil }
            // RFC 6066 section 3: a list of names, of which only host names (type 0) exist.
            guard type == 0 else { continue }
            guard var names = content.readLengthPrefixedSlice(as: UInt16.self), content.readableBytes == 0,
                names.readInteger(as: UInt8.self) == 0, let name = names.readLengthPrefixedSlice(as: UInt16.self),
                name.readableBytes > 0
            else { return nil }
            return ClientHello(serverName: normalized(String(buffer: name)))
        }
        return ClientHello()
    }

    static func normalized(_ name: String) -> String {
        let name = name.lowercased()
        return name.hasSuffix(".") ? String(name.dropLast()) : name
    }
}

extension ByteBuffer {
    /// The bytes behind an unsigned length; nil when there are fewer than it says. Moves the reader index in either case.
    fileprivate mutating func readLengthPrefixedSlice<Length: FixedWidthInteger & UnsignedInteger>(
        as: Length.Type
    ) -> ByteBuffer? {
        guard let length = readInteger(as: Length.self) else { return nil }
        return readSlice(length: Int(length))
    }
}
