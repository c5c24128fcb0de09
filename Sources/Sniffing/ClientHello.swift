// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// Reads the server name of a TLS ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3).
package enum ClientHello {
    package enum Name: Sendable, Equatable {
        /// As the client has written it, never empty.
        case name(ByteBuffer)
        /// A whole ClientHello that names no server.
        case none
        case needsMore
        case malformed
    }

    /// The first record of a TLS connection. A ClientHello that spans records is not put together, as in Xray.
    package static func look(at buffer: ByteBuffer) -> SniffVerdict {
        var buffer = buffer
        guard let type = buffer.readInteger(as: UInt8.self) else { return .needsMore }
        guard type == 0x16 else { return .notThis }
        guard let major = buffer.readInteger(as: UInt8.self) else { return .needsMore }
        guard major == 3 else { return .notThis }
        guard buffer.readInteger(as: UInt8.self) != nil, let length = buffer.readInteger(as: UInt16.self) else {
            return .needsMore
        }
        if let kind = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self), kind != 1 { return .notThis }
        guard let record = buffer.readSlice(length: Int(length)) else { return .needsMore }
        guard case .name(let bytes) = serverName(in: record), let name = hostName(bytes) else { return .notThis }
        return .found(SniffedContent(protocolName: "tls", domain: name))
    }

    /// A server name as text; nil for one that is no host name.
    package static func hostName(_ name: ByteBuffer) -> String? {
        let bytes = name.readableBytesView
        guard isHostText(bytes), bytes.last != UInt8(ascii: ".") else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The name in a handshake message that begins at the reader index.
    package static func serverName(in message: ByteBuffer) -> Name {
        var message = message
        guard let head = message.readInteger(as: UInt32.self) else { return .needsMore }
        guard head >> 24 == 1 else { return .malformed }
        guard var hello = message.readSlice(length: Int(head & 0xff_ffff)) else { return .needsMore }
        // Version and random; the session id, the cipher suites and the compression methods.
        guard hello.readSlice(length: 34) != nil, let id = hello.readVector(as: UInt8.self), id.readableBytes <= 32,
            let suites = hello.readVector(as: UInt16.self), suites.readableBytes % 2 == 0,
            hello.readVector(as: UInt8.self) != nil
        else { return .malformed }
        guard hello.readableBytes > 0 else { return .none }
        guard var extensions = hello.readVector(as: UInt16.self), hello.readableBytes == 0 else { return .malformed }
        while extensions.readableBytes > 0 {
            guard let type = extensions.readInteger(as: UInt16.self), var body = extensions.readVector(as: UInt16.self)
            else { return .malformed }
            guard type == 0 else { continue }
            guard var names = body.readVector(as: UInt16.self), body.readableBytes == 0 else { return .malformed }
            while names.readableBytes > 0 {
                guard let kind = names.readInteger(as: UInt8.self), let name = names.readVector(as: UInt16.self) else {
                    return .malformed
                }
                // Host names; no other kind exists.
                guard kind == 0 else { continue }
                return name.readableBytes > 0 ? .name(name) : .malformed
            }
        }
        return .none
    }
}

extension ByteBuffer {
    /// Bytes behind their length.
    fileprivate mutating func readVector<Length: FixedWidthInteger & UnsignedInteger>(as: Length.Type) -> ByteBuffer? {
        guard let length = readInteger(as: Length.self) else { return nil }
        return readSlice(length: Int(length))
    }
}
