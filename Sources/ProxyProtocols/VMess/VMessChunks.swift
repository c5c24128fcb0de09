// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// One direction of a VMess body, read or written chunk by chunk: a size, the sealed payload, and padding.
///
/// The mask stream and the counters advance with every chunk, so each object serves one direction of one connection.
package struct VMessChunks: Sendable {
    /// Most payload in a chunk that the others' buffers hold whole.
    package static let payloadLimit = 8192 - AEADCipher.tagLength - 18 - 64
    /// Most that a chunk of any length can hold.
    package static let datagramLimit = 65535 - AEADCipher.tagLength - 64

    private let cipher: AEADCipher
    private let iv: [UInt8]
    private let lengthCipher: AEADCipher?
    private let lengthIV: [UInt8]
    private let masks: Bool
    private let pads: Bool
    private var mask: SHAKE128
    private var counter: UInt16 = 0
    private var lengthCounter: UInt16 = 0
    /// The chunk whose size was read and that is not complete yet.
    private var pending: (size: Int, padding: Int)?
    /// The peer's empty chunk was read.
    package private(set) var sawEnd = false

    init(
        cipher: AEADCipher, iv: [UInt8], lengthCipher: AEADCipher?, lengthIV: [UInt8], masks: Bool, pads: Bool
    ) {
        self.cipher = cipher
        self.iv = iv
        self.lengthCipher = lengthCipher
        self.lengthIV = lengthIV
        self.masks = masks
        self.pads = pads
        mask = SHAKE128(iv)
    }

    /// The payload of the next chunk; nil when it is not complete yet, or when the end was read.
    package mutating func read(_ buffer: inout ByteBuffer) throws(ProtocolError) -> ByteBuffer? {
        guard !sawEnd else { return nil }
        if pending == nil {
            let length = lengthCipher == nil ? 2 : 2 + AEADCipher.tagLength
            guard let field = buffer.readSlice(length: length) else { return nil }
            // Both ends draw the padding before the mask.
            let padding = nextPadding()
            pending = (try size(field), padding)
        }
        guard let (size, padding) = pending else { return nil }
        let sealedLength = size - padding
        guard sealedLength >= AEADCipher.tagLength else {
            throw ProtocolError(.malformed, "chunk is shorter than its tag")
        }
        guard sealedLength > AEADCipher.tagLength else {
            // The tag of the empty chunk and its padding may never come, and need no check.
            sawEnd = true
            return nil
        }
        guard buffer.readableBytes >= size, let sealed = buffer.readSlice(length: sealedLength) else { return nil }
        buffer.moveReaderIndex(forwardBy: padding)
        pending = nil
        return try cipher.open(sealed, nonce: Self.nonce(&counter, iv))
    }

    /// Writes one chunk; an empty one marks the end.
    package mutating func write(_ payload: ByteBuffer, into buffer: inout ByteBuffer) throws(ProtocolError) {
        let padding = nextPadding()
        let size = UInt16(clamping: payload.readableBytes + AEADCipher.tagLength + padding)
        if let lengthCipher {
            var field = ByteBuffer()
            field.writeInteger(size - UInt16(AEADCipher.tagLength))
            try lengthCipher.seal(field, nonce: Self.nonce(&lengthCounter, lengthIV), into: &buffer)
        } else {
            buffer.writeInteger(masks ? size ^ mask.next() : size)
        }
        try cipher.seal(payload, nonce: Self.nonce(&counter, iv), into: &buffer)
        buffer.writeBytes((0..<padding).map { _ in UInt8.random(in: .min ... .max) })
    }

    private mutating func nextPadding() -> Int { pads && masks ? Int(mask.next() % 64) : 0 }

    private mutating func size(_ field: ByteBuffer) throws(ProtocolError) -> Int {
        if let lengthCipher {
            let plain = try lengthCipher.open(field, nonce: Self.nonce(&lengthCounter, lengthIV))
            return Int(plain.getInteger(at: plain.readerIndex, as: UInt16.self) ?? 0) + AEADCipher.tagLength
        }
        let value = field.getInteger(at: field.readerIndex, as: UInt16.self) ?? 0
        return Int(masks ? value ^ mask.next() : value)
    }

    /// The counter wraps at 65536, as everybody's does.
    private static func nonce(_ counter: inout UInt16, _ iv: [UInt8]) -> [UInt8] {
        defer { counter &+= 1 }
        return [UInt8(counter >> 8), UInt8(truncatingIfNeeded: counter)] + iv.dropFirst(2).prefix(10)
    }
}
