// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// One direction of a Shadowsocks stream behind its salt: sealed lengths and sealed payloads in turn.
package struct ShadowsocksChunks: Sendable {
    /// Most payload in a chunk; the two upper bits of a length are reserved.
    package static let payloadLimit = 0x3fff
    /// Bytes of a sealed length.
    package static let lengthField = 2 + AEADCipher.tagLength

    private let cipher: AEADCipher
    /// Little-endian; advances with every length and every payload.
    private var counter: UInt64 = 0
    /// The length of the payload that is not complete yet.
    private var pending: Int?

    package init(cipher: AEADCipher) {
        self.cipher = cipher
    }

    /// The payload of the next chunk; nil when it is not complete yet.
    package mutating func read(_ buffer: inout ByteBuffer) throws(ProtocolError) -> ByteBuffer? {
        if pending == nil {
            guard let sealed = buffer.readSlice(length: Self.lengthField) else { return nil }
            let plain = try cipher.open(sealed, nonce: nonce())
            let length = Int(plain.getInteger(at: plain.readerIndex, as: UInt16.self) ?? 0)
            guard (1...Self.payloadLimit).contains(length) else {
                throw ProtocolError(.malformed, "chunk of \(length) bytes")
            }
            pending = length
        }
        guard let length = pending, let sealed = buffer.readSlice(length: length + AEADCipher.tagLength) else {
            return nil
        }
        pending = nil
        return try cipher.open(sealed, nonce: nonce())
    }

    /// Writes the payload as chunks.
    package mutating func write(_ payload: ByteBuffer, into buffer: inout ByteBuffer) throws(ProtocolError) {
        var rest = payload
        while rest.readableBytes > 0,
            let part = rest.readSlice(length: min(rest.readableBytes, Self.payloadLimit))
        {
            var length = ByteBuffer()
            length.writeInteger(UInt16(clamping: part.readableBytes))
            try cipher.seal(length, nonce: nonce(), into: &buffer)
            try cipher.seal(part, nonce: nonce(), into: &buffer)
        }
    }

    private mutating func nonce() -> [UInt8] {
        defer { counter &+= 1 }
        return (0..<12).map { $0 < 8 ? UInt8(truncatingIfNeeded: counter >> UInt64(8 * $0)) : 0 }
    }
}
