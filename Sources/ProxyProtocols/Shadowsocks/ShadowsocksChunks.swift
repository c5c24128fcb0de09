// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore

/// One direction of a Shadowsocks stream behind its salt: sealed lengths and sealed payloads in turn.
package struct ShadowsocksChunks: ChunkFormat {
    /// Most payload in a chunk of SIP004; the two upper bits of a length are reserved. The 2022 edition uses all 16.
    package static let payloadLimit = 0x3fff
    /// Bytes of a sealed length.
    package static let lengthField = 2 + AEADCipher.tagLength

    private let cipher: AEADCipher
    private let readLimit: Int
    /// Little-endian; advances with every length and every payload.
    private var counter: UInt64
    /// The length of the payload that comes next, when its sealed length was read.
    private var pending: Int?
    /// There is no mark for the end; TCP's own is used.
    package let sawEnd = false

    /// - Parameters:
    ///   - readLimit: the longest payload that is accepted in a chunk.
    ///   - counter: how many openings or sealings came before (those of a 2022 edition's header).
    ///   - pending: the length of a first payload that has none in front of it (the 2022 edition's response).
    package init(cipher: AEADCipher, readLimit: Int = payloadLimit, counter: UInt64 = 0, pending: Int? = nil) {
        self.cipher = cipher
        self.readLimit = readLimit
        self.counter = counter
        self.pending = pending
    }

    // MARK: Reading

    package var pieceLength: Int { pending.map { $0 + AEADCipher.tagLength } ?? Self.lengthField }
    package var expectsPayload: Bool { pending != nil }

    package mutating func open(
        _ piece: UnsafeRawBufferPointer, into target: UnsafeMutableRawPointer
    ) throws(ProtocolError) -> Int {
        if let length = pending {
            pending = nil
            guard cipher.open(piece, nonce: nextNonce(), into: target) else {
                throw ProtocolError(.malformed, "wrong tag")
            }
            return length
        }
        var field: UInt16 = 0
        let nonce = nextNonce()
        let opened = withUnsafeMutableBytes(of: &field) { field in
            guard let base = field.baseAddress else { return false }
            return cipher.open(piece, nonce: nonce, into: base)
        }
        guard opened else { throw ProtocolError(.malformed, "wrong tag of a length") }
        let length = Int(UInt16(bigEndian: field))
        guard (1...readLimit).contains(length) else { throw ProtocolError(.malformed, "chunk of \(length) bytes") }
        pending = length
        return 0
    }

    // MARK: Writing

    /// Writes the payload as chunks of at most ``payloadLimit``, which every edition accepts.
    package mutating func write(_ payload: ByteBuffer, into buffer: inout ByteBuffer) throws(ProtocolError) {
        let chunks = (payload.readableBytes + Self.payloadLimit - 1) / Self.payloadLimit
        let room = payload.readableBytes + chunks * (Self.lengthField + AEADCipher.tagLength)
        var isSealed = true
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
            guard let base = target.baseAddress else { return 0 }
            return payload.withUnsafeReadableBytes { source in
                var offset = 0
                var written = 0
                while offset < source.count, isSealed {
                    let count = min(Self.payloadLimit, source.count - offset)
                    let length = UInt16(truncatingIfNeeded: count).bigEndian
                    isSealed = withUnsafeBytes(of: length) {
                        cipher.seal($0, nonce: nextNonce(), into: base + written)
                    }
                    let part = UnsafeRawBufferPointer(rebasing: source[offset..<(offset + count)])
                    isSealed =
                        cipher.seal(part, nonce: nextNonce(), into: base + written + Self.lengthField) && isSealed
                    written += Self.lengthField + count + AEADCipher.tagLength
                    offset += count
                }
                return written
            }
        }
        guard isSealed else { throw ProtocolError(.malformed, "a key of a wrong length") }
    }

    private mutating func nextNonce() -> AEADNonce {
        defer { counter &+= 1 }
        return AEADNonce(littleEndian: counter)
    }
}
