// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Wraps the first writes of one direction in padded blocks, until the payload is known to be TLS or to be something else.
struct VisionWriter {
    private static let bufferSize = 8192
    private static let overhead = 21
    private static let cut = 4096
    private static let applicationData: [UInt8] = [0x17, 0x03, 0x03]

    /// In front of the first block only.
    private var id: [UInt8]?
    private var isPadding = true
    /// What is written after the last block goes past the outer TLS.
    private(set) var isDirect = false

    init(id: [UInt8]) {
        self.id = id
    }

    /// No more blocks are written.
    var isPlain: Bool { !isPadding }

    /// One write's payload in blocks; the payload itself once padding is over.
    mutating func write(_ payload: ByteBuffer, _ filter: inout VisionFilter, allocator: ByteBufferAllocator)
        -> ByteBuffer
    {
        guard isPadding else { return payload }
        var pieces = Self.pieces(of: payload)
        for piece in pieces { filter.look(at: piece) }
        let isComplete = filter.isTLS && Self.isWholeRecords(payload)
        var usesLongPadding = filter.isTLS
        var out = allocator.buffer(capacity: payload.readableBytes + pieces.count * 1_400)
        let last = pieces.count - 1
        for (index, piece) in pieces.enumerated() {
            if isComplete, piece.readableBytes >= 6, piece.readableBytesView.starts(with: Self.applicationData) {
                let command: VisionCommand = index < last ? .continue : filter.allowsDirect ? .direct : .end
                append(piece, command, long: true, to: &out)
                isPadding = false
                usesLongPadding = false
            } else if !filter.isTLS12OrAbove, filter.piecesLeft <= 1 {
                isPadding = false
                append(piece, .end, long: usesLongPadding, to: &out)
                pieces.removeFirst(index + 1)
                for rest in pieces { out.writeImmutableBuffer(rest) }
                return out
            } else {
                let command: VisionCommand =
                    index < last || isPadding ? .continue : filter.allowsDirect ? .direct : .end
                append(piece, command, long: usesLongPadding, to: &out)
            }
        }
        isDirect = !isPadding && filter.allowsDirect
        return out
    }

    /// A block without content, where none was written yet.
    mutating func filling(allocator: ByteBufferAllocator) -> ByteBuffer? {
        guard isPadding, id != nil else { return nil }
        var out = allocator.buffer(capacity: 1_536)
        append(ByteBuffer(), .continue, long: true, to: &out)
        return out
    }

    private mutating func append(_ piece: ByteBuffer, _ command: VisionCommand, long: Bool, to out: inout ByteBuffer) {
        let count = piece.readableBytes
        var padding = long && count < 900 ? Int.random(in: 0..<500) + 900 - count : Int.random(in: 0..<256)
        padding = max(0, min(padding, Self.bufferSize - Self.overhead - count))
        if let id {
            out.writeBytes(id)
            self.id = nil
        }
        out.writeInteger(command.rawValue)
        out.writeInteger(UInt16(truncatingIfNeeded: count))
        out.writeInteger(UInt16(truncatingIfNeeded: padding))
        out.writeImmutableBuffer(piece)
        out.writeRepeatingByte(0, count: padding)
    }

    /// Pieces that fit the original's buffers together with their heads, cut in front of a record where there is one.
    private static func pieces(of payload: ByteBuffer) -> [ByteBuffer] {
        var pieces: [ByteBuffer] = []
        var rest = payload
        while rest.readableBytes >= bufferSize - overhead {
            let window = Array(rest.readableBytesView.prefix(bufferSize))
            let end = min(window.count - applicationData.count, bufferSize - overhead)
            let record = stride(from: end, through: overhead, by: -1).first {
                window[$0...].starts(with: applicationData)
            }
            guard let piece = rest.readSlice(length: record ?? cut) else { break }
            pieces.append(piece)
        }
        if rest.readableBytes > 0 { pieces.append(rest) }
        return pieces
    }

    /// One or more whole records of application data, and nothing else.
    private static func isWholeRecords(_ payload: ByteBuffer) -> Bool {
        var rest = payload
        guard rest.readableBytes > 0 else { return false }
        while rest.readableBytes > 0 {
            guard let head = rest.readBytes(length: 3), head == applicationData,
                let length = rest.readInteger(as: UInt16.self), rest.readSlice(length: Int(length)) != nil
            else { return false }
        }
        return true
    }
}
