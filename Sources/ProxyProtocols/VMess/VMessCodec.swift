// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
package import ProxyModel

/// The body of a VMess stream, on either side.
package final class VMessCodec: StreamCodec {
    private var reader: ChunkReader<VMessChunks>
    private var writer: VMessChunks
    private let marksEnd: Bool
    /// On the client's side, until the response's header was read.
    private var response: VMessBody?

    package init(server body: VMessBody) {
        reader = ChunkReader(body.uplink)
        writer = body.downlink
        marksEnd = body.marksEnd
    }

    /// - Parameter marksEnd: an empty chunk is sent when our stream ends.
    package init(client body: VMessBody, marksEnd: Bool) {
        reader = ChunkReader(body.downlink)
        writer = body.uplink
        self.marksEnd = marksEnd && body.marksEnd
        response = body
    }

    package var sawEnd: Bool { reader.sawEnd }

    /// What follows the end of the stream is dropped.
    package func decode(_ buffer: inout ByteBuffer) throws -> ByteBuffer? {
        if let response {
            guard try response.readResponseHeader(&buffer) else { return nil }
            self.response = nil
        }
        return try reader.readAll(&buffer)
    }

    package func encode(_ payload: ByteBuffer, allocator: ByteBufferAllocator) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: 0)
        guard payload.readableBytes > 0 else { return buffer }
        try? writer.write(stream: payload, into: &buffer)
        return buffer
    }

    package func finish(allocator: ByteBufferAllocator) -> ByteBuffer? {
        guard marksEnd else { return nil }
        var buffer = allocator.buffer(capacity: 0)
        guard (try? writer.write(ByteBuffer(), into: &buffer)) != nil else { return nil }
        return buffer
    }
}

/// Datagrams of a VMess connection, on either side: one in each chunk, all for the request's target.
package final class VMessPacketCodec: PacketStreamCodec {
    private var reader: VMessChunks
    private var writer: VMessChunks
    private var response: VMessBody?

    package init(server body: VMessBody) {
        reader = body.uplink
        writer = body.downlink
    }

    package init(client body: VMessBody) {
        reader = body.downlink
        writer = body.uplink
        response = body
    }

    package func decode(_ buffer: inout ByteBuffer, defaultTarget: Destination) throws -> Packet? {
        if let response {
            guard try response.readResponseHeader(&buffer) else { return nil }
            self.response = nil
        }
        let payload = try reader.read(&buffer)
        if reader.sawEnd { buffer.clear() }
        return payload.map { Packet(payload: $0, peer: defaultTarget) }
    }

    package func encode(_ packet: Packet, allocator: ByteBufferAllocator) -> ByteBuffer? {
        guard (1...VMessChunks.datagramLimit).contains(packet.payload.readableBytes) else { return nil }
        var buffer = allocator.buffer(capacity: 0)
        guard (try? writer.write(packet.payload, into: &buffer)) != nil else { return nil }
        return buffer
    }
}
