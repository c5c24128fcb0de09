// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore

/// The reading side of a stream that is cut into sealed chunks: pieces of a known length in turn, sizes and payloads.
package protocol ChunkFormat {
    /// Bytes of the piece that comes next, at least one.
    var pieceLength: Int { get }
    /// The piece that comes next holds payload.
    var expectsPayload: Bool { get }
    /// The peer has marked the end; no piece follows.
    var sawEnd: Bool { get }
    /// Opens the next piece, of `pieceLength` bytes. Answers how many bytes of payload were written to `target`, which has
    /// room for as many as the piece has.
    mutating func open(
        _ piece: UnsafeRawBufferPointer, into target: UnsafeMutableRawPointer
    ) throws(ProtocolError) -> Int
}

extension ChunkFormat {
    /// The payload of the next chunk; nil when it is not complete yet, or when the end was read. An incomplete piece stays in
    /// `buffer`.
    package mutating func read(_ buffer: inout ByteBuffer) throws(ProtocolError) -> ByteBuffer? {
        while !sawEnd, buffer.readableBytes >= pieceLength {
            let length = pieceLength
            let hasPayload = expectsPayload
            var payload = ByteBufferAllocator().buffer(capacity: length)
            try openPieces(&buffer, count: 1, into: &payload)
            if hasPayload { return payload }
        }
        return nil
    }

    /// Opens at most `count` pieces that are whole in `buffer`, and appends their payload.
    fileprivate mutating func openPieces(
        _ buffer: inout ByteBuffer, count: Int, into payload: inout ByteBuffer
    ) throws(ProtocolError) {
        var failure: ProtocolError?
        buffer.readWithUnsafeReadableBytes { source in
            var offset = 0
            payload.writeWithUnsafeMutableBytes(minimumWritableBytes: source.count) { target in
                guard let base = target.baseAddress else { return 0 }
                var written = 0
                var left = count
                do throws(ProtocolError) {
                    while left > 0, !sawEnd, source.count - offset >= pieceLength {
                        let end = offset + pieceLength
                        written += try open(
                            UnsafeRawBufferPointer(rebasing: source[offset..<end]), into: base + written)
                        offset = end
                        left -= 1
                    }
                } catch {
                    failure = error
                }
                return written
            }
            return offset
        }
        if let failure { throw failure }
    }
}

/// Reads a chunked stream as it arrives: all chunks of one read are opened into one buffer, and what is left of a piece is kept
/// here, so that the next read need not be copied behind it.
package struct ChunkReader<Format: ChunkFormat> {
    private var format: Format
    /// The beginning of the piece that comes next; empty when it has not begun.
    private var held = ByteBuffer()
    /// What is wrong behind the payload that was returned last.
    private var failure: ProtocolError?

    package init(_ format: Format) {
        self.format = format
    }

    package var sawEnd: Bool { format.sawEnd }

    /// The payload of all chunks that are complete; nil when there is none. Nothing stays in `buffer`. Throws when a chunk is not
    /// genuine, after those before it were returned.
    package mutating func readAll(_ buffer: inout ByteBuffer) throws(ProtocolError) -> ByteBuffer? {
        if let failure { throw failure }
        guard buffer.readableBytes > 0, !format.sawEnd else {
            buffer.clear()
            return nil
        }
        if held.readableBytes > 0 {
            let missing = max(0, format.pieceLength - held.readableBytes)
            if var part = buffer.readSlice(length: min(missing, buffer.readableBytes)) { held.writeBuffer(&part) }
            guard held.readableBytes >= format.pieceLength else { return nil }
        }
        var payload = ByteBufferAllocator().buffer(capacity: held.readableBytes + buffer.readableBytes)
        if held.readableBytes > 0 {
            try format.openPieces(&held, count: 1, into: &payload)
            held = ByteBuffer()
        }
        do {
            try format.openPieces(&buffer, count: .max, into: &payload)
        } catch {
            failure = error
            buffer.clear()
            guard payload.readableBytes > 0 else { throw error }
            return payload
        }
        if buffer.readableBytes > 0 {
            // A copy: what is kept is a chunk at most, the buffer it lies in may be a megabyte.
            if !format.sawEnd { held.writeBytes(buffer.readableBytesView) }
            buffer.clear()
        }
        return payload.readableBytes > 0 ? payload : nil
    }
}
