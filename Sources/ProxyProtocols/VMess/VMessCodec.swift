// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
package import ProxyModel

/// The body of a VMess stream, on the server's side.
package final class VMessCodec: StreamCodec {
    private var uplink: VMessChunks
    private var downlink: VMessChunks
    private let marksEnd: Bool

    package init(_ body: VMessBody) {
        uplink = body.uplink
        downlink = body.downlink
        marksEnd = body.marksEnd
    }

    package var sawEnd: Bool { uplink.sawEnd }

    /// What follows the end of the stream is dropped.
    package func decode(_ buffer: inout ByteBuffer) throws -> ByteBuffer? {
        let payload = try uplink.read(&buffer)
        if uplink.sawEnd { buffer.clear() }
        return payload
    }

    package func encode(_ payload: ByteBuffer, allocator: ByteBufferAllocator) -> ByteBuffer {
        var rest = payload
        let chunks = payload.readableBytes / VMessChunks.payloadLimit + 1
        var buffer = allocator.buffer(capacity: payload.readableBytes + chunks * 98)
        while rest.readableBytes > 0,
            let part = rest.readSlice(length: min(rest.readableBytes, VMessChunks.payloadLimit))
        {
            guard (try? downlink.write(part, into: &buffer)) != nil else { break }
        }
        return buffer
    }

    package func finish(allocator: ByteBufferAllocator) -> ByteBuffer? {
        guard marksEnd else { return nil }
        var buffer = allocator.buffer(capacity: 98)
        guard (try? downlink.write(ByteBuffer(), into: &buffer)) != nil else { return nil }
        return buffer
    }
}

/// Datagrams of a VMess connection: one in each chunk, all for the request's target.
package final class VMessPacketCodec: PacketStreamCodec {
    private var uplink: VMessChunks
    private var downlink: VMessChunks

    package init(_ body: VMessBody) {
        uplink = body.uplink
        downlink = body.downlink
    }

    package func decode(_ buffer: inout ByteBuffer, defaultTarget: Destination) throws -> Packet? {
        let payload = try uplink.read(&buffer)
        if uplink.sawEnd { buffer.clear() }
        return payload.map { Packet(payload: $0, peer: defaultTarget) }
    }

    package func encode(_ packet: Packet, allocator: ByteBufferAllocator) -> ByteBuffer? {
        let length = packet.payload.readableBytes
        guard (1...VMessChunks.datagramLimit).contains(length) else { return nil }
        var buffer = allocator.buffer(capacity: length + 98)
        guard (try? downlink.write(packet.payload, into: &buffer)) != nil else { return nil }
        return buffer
    }
}
