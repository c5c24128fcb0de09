// SPDX-License-Identifier: Apache-2.0
package import NIOCore
import ProxyCore
package import ProxyModel

/// `xtls-rprx-vision`: hides the lengths of the first writes, and lets the records of a TLS 1.3 session inside pass the outer TLS
/// by, so that they are not sealed twice. Both directions of one connection; used on one event loop.
package final class VisionCodec: DirectCopyCodec {
    private var reader: VisionReader
    private var writer: VisionWriter
    private var filter = VisionFilter()
    /// On the client's side: the response header comes first.
    private var awaitsHeader: Bool
    package let sawEnd = false

    /// - Parameters:
    ///   - id: As the request has it, bytes 6 and 7 included.
    ///   - isClient: The server's first bytes are a response header.
    package init(id: UserID, isClient: Bool) {
        reader = VisionReader(id: id.bytes)
        writer = VisionWriter(id: id.bytes)
        awaitsHeader = isClient
    }

    package var readsDirect: Bool { reader.isDirect }
    package var writesDirect: Bool { writer.isDirect }
    package var readsPlain: Bool { reader.isPlain && !awaitsHeader }

    package func decode(_ buffer: inout ByteBuffer) throws -> ByteBuffer? {
        if awaitsHeader {
            guard try VLESS.readResponseHeader(&buffer) else { return nil }
            awaitsHeader = false
        }
        let payload = try reader.read(&buffer)
        if let payload { show(payload) }
        return payload
    }

    package func encode(_ payload: ByteBuffer, allocator: ByteBufferAllocator) -> ByteBuffer {
        writer.write(payload, &filter, allocator: allocator)
    }

    package func finish(allocator: ByteBufferAllocator) -> ByteBuffer? { nil }

    package func filling(allocator: ByteBufferAllocator) -> ByteBuffer? { writer.filling(allocator: allocator) }

    /// The original looks at reads of 8 KiB.
    private func show(_ payload: ByteBuffer) {
        guard filter.piecesLeft > 0 else { return }
        var rest = payload
        while let piece = rest.readSlice(length: min(rest.readableBytes, 8_192)), piece.readableBytes > 0 {
            filter.look(at: piece)
        }
    }
}
