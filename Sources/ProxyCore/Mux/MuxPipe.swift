// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// The connection below mux sessions: a stream end that is not relayed, with the body format of the protocol in between.
/// Confined to its event loop.
final class MuxPipe {
    private let end: StreamEnd
    private let codec: (any StreamCodec)?
    /// Goes in front of the first bytes.
    private var header: ByteBuffer?
    private var decoded: ByteBuffer?

    init(_ end: StreamEnd, codec: (any StreamCodec)?, header: ByteBuffer? = nil, early: ByteBuffer? = nil) {
        self.end = end
        self.codec = codec
        self.header = header
        decoded = early
    }

    /// Takes all frames out of what has arrived. Stops, with the rest kept, when `body` answers false.
    func read(_ buffer: inout ByteBuffer, _ body: (MuxFrame) -> Bool) throws {
        guard let codec else {
            _ = try Self.read(&buffer, body)
            return
        }
        repeat {
            if var waiting = decoded {
                let goesOn = try Self.read(&waiting, body)
                decoded = waiting.readableBytes > 0 ? waiting : nil
                guard goesOn else { return }
            }
            guard buffer.readableBytes > 0, var part = try codec.decode(&buffer) else { return }
            if decoded == nil { decoded = part } else { decoded?.writeBuffer(&part) }
        } while true
    }

    private static func read(_ buffer: inout ByteBuffer, _ body: (MuxFrame) -> Bool) throws(ProtocolError) -> Bool {
        while let frame = try MuxFrame.read(&buffer) {
            guard body(frame) else { return false }
        }
        return true
    }

    /// Writes a frame, and does not flush it. A frame that cannot be written is dropped.
    func write(_ frame: MuxFrame) {
        var head = ByteBuffer()
        head.reserveCapacity(minimumWritableBytes: codec == nil ? 40 : 40 + (frame.data?.readableBytes ?? 0))
        guard frame.writeHead(to: &head) else { return }
        if let codec {
            // One body chunk for each frame: a chunk of its own for the few bytes of the head costs more than the copy.
            if let data = frame.data { head.writeImmutableBuffer(data) }
            queue(codec.encode(head, allocator: ByteBufferAllocator()))
        } else {
            queue(head)
            if let data = frame.data { end.queue(data) }
        }
    }

    /// In one write with the header, if that was not sent yet.
    private func queue(_ bytes: ByteBuffer) {
        guard var first = header else { return end.queue(bytes) }
        header = nil
        first.writeImmutableBuffer(bytes)
        end.queue(first)
    }

    func flush() { end.flush() }

    /// False while the far end does not take bytes fast enough.
    var isWritable: Bool { end.isWritable }

    /// Marks the end inside of the format, and does not flush it.
    func writeEnd() {
        let last = codec?.finish(allocator: ByteBufferAllocator())
        if header != nil || last != nil { queue(last ?? ByteBuffer()) }
    }
}
