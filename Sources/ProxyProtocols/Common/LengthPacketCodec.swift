// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
package import ProxyModel

/// Messages of no address: a big-endian 16-bit length and the data, all for one target. Datagrams of VLESS command 2 and DNS
/// over TCP (RFC 1035 section 4.2.2) have this form.
package final class LengthPacketCodec: PacketStreamCodec {
    package init() {}

    /// Empty datagrams are skipped.
    package func decode(_ buffer: inout ByteBuffer, defaultTarget: Destination) throws -> Packet? {
        while let length = buffer.getInteger(at: buffer.readerIndex, as: UInt16.self) {
            guard buffer.readableBytes >= 2 + Int(length) else { return nil }
            buffer.moveReaderIndex(forwardBy: 2)
            guard length > 0, let payload = buffer.readSlice(length: Int(length)) else { continue }
            return Packet(payload: payload, peer: defaultTarget)
        }
        return nil
    }

    package func encode(_ packet: Packet, allocator: ByteBufferAllocator) -> ByteBuffer? {
        let length = packet.payload.readableBytes
        guard length > 0, let head = UInt16(exactly: length) else { return nil }
        var frame = allocator.buffer(capacity: 2 + length)
        frame.writeInteger(head)
        frame.writeImmutableBuffer(packet.payload)
        return frame
    }
}
