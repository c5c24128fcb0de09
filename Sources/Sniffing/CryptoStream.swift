// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Puts the pieces of a TLS message together that came in CRYPTO frames, in any order (RFC 9000 section 19.6).
struct CryptoStream: Sendable {
    /// Pieces that do not join the others yet; a client that sends more is not listened to.
    private static let pieceLimit = 64

    private var bytes: [UInt8] = []
    /// Parts of `bytes` that are filled, none touching another.
    private var filled: [Range<Int>] = []

    /// False when the piece lies too far, or when there are too many pieces.
    mutating func add(_ piece: ByteBufferView, at offset: Int) -> Bool {
        guard !piece.isEmpty else { return true }
        let end = offset + piece.count
        guard offset >= 0, end <= SniffLimits.bytes else { return false }
        if bytes.count < end { bytes.append(contentsOf: repeatElement(0, count: end - bytes.count)) }
        bytes.replaceSubrange(offset..<end, with: piece)
        var joined = offset..<end
        var apart: [Range<Int>] = []
        for range in filled {
            if range.upperBound < joined.lowerBound || range.lowerBound > joined.upperBound {
                apart.append(range)
            } else {
                joined = min(range.lowerBound, joined.lowerBound)..<max(range.upperBound, joined.upperBound)
            }
        }
        filled = apart + [joined]
        return filled.count <= Self.pieceLimit
    }

    /// Everything from the first byte up to the first gap.
    var beginning: ByteBuffer {
        guard let first = filled.first(where: { $0.lowerBound == 0 }) else { return ByteBuffer() }
        return ByteBuffer(bytes: bytes[first])
    }
}
