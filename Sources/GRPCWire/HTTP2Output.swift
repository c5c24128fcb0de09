// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// Output of a session on its way to the channel: frames, and between them the bodies that the session's caller keeps.
///
/// Small pieces are copied into one buffer; large ones, unless everything is joined, are written as they are.
package struct HTTP2Output {
    /// Below this a copy costs less than a write of its own.
    private static let smallest = 4096

    private let joinsAll: Bool
    private var joined = ByteBuffer()
    /// Pieces that stand in front of the octet of ``joined`` at `place`.
    private var pieces: [(place: Int, piece: ByteBuffer)] = []

    init(joinsAll: Bool) {
        self.joinsAll = joinsAll
    }

    package mutating func append(_ byte: UInt8) {
        joined.writeInteger(byte)
    }

    package mutating func append(_ piece: ByteBuffer) {
        if joinsAll || piece.readableBytes < Self.smallest {
            joined.writeImmutableBuffer(piece)
        } else {
            pieces.append((joined.writerIndex, piece))
        }
    }

    /// Takes what a session has put out, and asks for the bodies in it. Answers how many octets there are in all.
    mutating func gather(_ frames: ByteBuffer, _ session: HTTP2Session, _ calls: any HTTP2Calls) -> Int {
        var frames = frames
        let count = session.spliceCount
        var total = frames.readableBytes
        for index in 0..<count { total += session.splice(at: index).count }
        joined.reserveCapacity(joinsAll ? total : frames.readableBytes + count * 64)
        var offset = 0
        for index in 0..<count {
            let splice = session.splice(at: index)
            if var part = frames.readSlice(length: splice.offset - offset) { joined.writeBuffer(&part) }
            offset = splice.offset
            calls.takeBody(splice.stream, splice.count, into: &self)
        }
        joined.writeBuffer(&frames)
        return total
    }

    func forEachPart(_ body: (ByteBuffer) -> Void) {
        var joined = joined
        for (place, piece) in pieces {
            if let part = joined.readSlice(length: place - joined.readerIndex), part.readableBytes > 0 { body(part) }
            body(piece)
        }
        if joined.readableBytes > 0 { body(joined) }
    }
}
