// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore

/// One direction of a VMess body, read or written chunk by chunk: a size, the sealed payload, and padding.
///
/// The mask stream and the counters advance with every chunk, so each value serves one direction of one connection, and
/// its copies share the mask stream.
package struct VMessChunks: ChunkFormat {
    /// Most payload in a chunk that the others' buffers hold whole.
    package static let payloadLimit = 8192 - AEADCipher.tagLength - 18 - paddingLimit
    /// Most that a chunk of any length can hold.
    package static let datagramLimit = 65535 - AEADCipher.tagLength - paddingLimit
    private static let paddingLimit = 64
    /// Most bytes of a chunk besides its payload: a sealed size, a tag and padding.
    private static let overhead = 2 + 2 * AEADCipher.tagLength + paddingLimit

    private let cipher: AEADCipher
    private let nonce: AEADNonce
    private let lengthCipher: AEADCipher?
    private let lengthNonce: AEADNonce
    private let masks: Bool
    private let pads: Bool
    private let mask: SHAKE128
    private var counter: UInt16 = 0
    private var lengthCounter: UInt16 = 0
    /// The chunk whose size was read and whose payload comes next; `size` counts the padding.
    private var pending: (size: Int, padding: Int)?
    /// The peer's empty chunk was read.
    package private(set) var sawEnd = false

    init(
        cipher: AEADCipher, iv: [UInt8], lengthCipher: AEADCipher?, lengthIV: [UInt8], masks: Bool, pads: Bool
    ) {
        self.cipher = cipher
        self.nonce = AEADNonce(iv.prefix(12))
        self.lengthCipher = lengthCipher
        self.lengthNonce = AEADNonce(lengthIV.prefix(12))
        self.masks = masks
        self.pads = pads
        mask = SHAKE128(iv)
    }

    // MARK: Reading

    package var pieceLength: Int { pending?.size ?? (lengthCipher == nil ? 2 : 2 + AEADCipher.tagLength) }
    package var expectsPayload: Bool { pending != nil }

    package mutating func open(
        _ piece: UnsafeRawBufferPointer, into target: UnsafeMutableRawPointer
    ) throws(ProtocolError) -> Int {
        guard let (size, padding) = pending else {
            // Both ends draw the padding before the mask.
            let padding = nextPadding()
            let size = try openSize(piece)
            guard size - padding >= AEADCipher.tagLength else {
                throw ProtocolError(.malformed, "chunk is shorter than its tag")
            }
            // The tag of the empty chunk and its padding may never come, and need no check.
            sawEnd = size - padding == AEADCipher.tagLength
            pending = (size, padding)
            return 0
        }
        pending = nil
        let sealed = UnsafeRawBufferPointer(rebasing: piece[..<(size - padding)])
        guard cipher.open(sealed, nonce: Self.next(nonce, &counter), into: target) else {
            throw ProtocolError(.malformed, "wrong tag")
        }
        return sealed.count - AEADCipher.tagLength
    }

    private mutating func openSize(_ field: UnsafeRawBufferPointer) throws(ProtocolError) -> Int {
        guard let lengthCipher else {
            let value = UInt16(bigEndian: field.loadUnaligned(as: UInt16.self))
            return Int(masks ? value ^ mask.next() : value)
        }
        var plain: UInt16 = 0
        let opened = withUnsafeMutableBytes(of: &plain) { plain in
            guard let base = plain.baseAddress else { return false }
            return lengthCipher.open(field, nonce: Self.next(lengthNonce, &lengthCounter), into: base)
        }
        guard opened else { throw ProtocolError(.malformed, "wrong tag of a size") }
        return Int(UInt16(bigEndian: plain)) + AEADCipher.tagLength
    }

    // MARK: Writing

    /// Writes payload as chunks of at most ``payloadLimit``.
    package mutating func write(stream payload: ByteBuffer, into buffer: inout ByteBuffer) throws(ProtocolError) {
        let chunks = payload.readableBytes / Self.payloadLimit + 1
        try write(
            payload, limit: Self.payloadLimit, room: payload.readableBytes + chunks * Self.overhead, into: &buffer)
    }

    /// Writes one chunk of at most ``datagramLimit`` bytes; an empty one marks the end.
    package mutating func write(_ payload: ByteBuffer, into buffer: inout ByteBuffer) throws(ProtocolError) {
        guard payload.readableBytes <= Self.datagramLimit else {
            throw ProtocolError(.tooLarge, "chunk of \(payload.readableBytes) bytes")
        }
        try write(payload, limit: .max, room: payload.readableBytes + Self.overhead, into: &buffer)
    }

    private mutating func write(
        _ payload: ByteBuffer, limit: Int, room: Int, into buffer: inout ByteBuffer
    ) throws(ProtocolError) {
        var isSealed = true
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
            guard let base = target.baseAddress else { return 0 }
            return payload.withUnsafeReadableBytes { source in
                var offset = 0
                var written = 0
                repeat {
                    let count = min(limit, source.count - offset)
                    let part = UnsafeRawBufferPointer(rebasing: source[offset..<(offset + count)])
                    written += seal(part, into: base + written, &isSealed)
                    offset += count
                } while offset < source.count
                return written
            }
        }
        guard isSealed else { throw ProtocolError(.malformed, "a key of a wrong length") }
    }

    /// Writes one chunk and answers its length; the payload and ``overhead`` fit in `target`.
    private mutating func seal(
        _ payload: UnsafeRawBufferPointer, into target: UnsafeMutableRawPointer, _ isSealed: inout Bool
    ) -> Int {
        let padding = nextPadding()
        let size = UInt16(truncatingIfNeeded: payload.count + AEADCipher.tagLength + padding)
        var length = 2
        if let lengthCipher {
            let plain = (size - UInt16(AEADCipher.tagLength)).bigEndian
            let sealed = withUnsafeBytes(of: plain) {
                lengthCipher.seal($0, nonce: Self.next(lengthNonce, &lengthCounter), into: target)
            }
            isSealed = isSealed && sealed
            length += AEADCipher.tagLength
        } else {
            target.storeBytes(of: (masks ? size ^ mask.next() : size).bigEndian, as: UInt16.self)
        }
        let sealed = cipher.seal(payload, nonce: Self.next(nonce, &counter), into: target + length)
        isSealed = isSealed && sealed
        length += payload.count + AEADCipher.tagLength
        if padding > 0 { RandomBytes.fill(target + length, count: padding) }
        return length + padding
    }

    private func nextPadding() -> Int { pads && masks ? Int(mask.next() % UInt16(Self.paddingLimit)) : 0 }

    /// The counter wraps at 65536, as everybody's does.
    private static func next(_ nonce: AEADNonce, _ counter: inout UInt16) -> AEADNonce {
        defer { counter &+= 1 }
        return nonce.with(bigEndian: counter)
    }
}
