// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
package import ProxyModel

/// Constants of the Trojan protocol.
package enum Trojan {
    static let connect: UInt8 = 1
    static let udpAssociate: UInt8 = 3
    static let lineEnd: [UInt8] = [0x0d, 0x0a]

    /// A request: the key, the command and the target; the payload follows. Nil when the domain is too long.
    package static func request(key: TrojanKey, target: Destination) -> ByteBuffer? {
        var buffer = ByteBuffer()
        buffer.writeBytes(key.bytes)
        buffer.writeBytes(lineEnd)
        buffer.writeInteger(target.network == .udp ? udpAssociate : connect)
        guard AddressForm.portLast.write(target.address, port: target.port, to: &buffer) else { return nil }
        buffer.writeBytes(lineEnd)
        return buffer
    }
}

/// Datagrams of a Trojan connection: address, big-endian 16-bit length, CRLF and the data. Going up the address is the
/// target, coming down the source.
package final class TrojanPacketCodec: PacketStreamCodec {
    /// Xray's servers and clients close the connection at a longer datagram.
    private static let sizeLimit = 8192

    package init() {}

    /// The value of the CRLF is not looked at.
    package func decode(_ buffer: inout ByteBuffer, defaultTarget: Destination) throws -> Packet? {
        var rest = buffer
        guard let (address, port) = try AddressForm.portLast.read(&rest),
            let length = rest.readInteger(as: UInt16.self)
        else { return nil }
        guard length <= Self.sizeLimit else { throw ProtocolError(.tooLarge, "datagram of \(length) bytes") }
        guard rest.readInteger(as: UInt16.self) != nil, let payload = rest.readSlice(length: Int(length)) else {
            return nil
        }
        buffer = rest
        return Packet(payload: payload, peer: Destination(network: .udp, address: address, port: port))
    }

    package func encode(_ packet: Packet, allocator: ByteBufferAllocator) -> ByteBuffer? {
        let length = packet.payload.readableBytes
        guard length <= Self.sizeLimit, let head = UInt16(exactly: length) else { return nil }
        var frame = allocator.buffer(capacity: length + 24)
        guard AddressForm.portLast.write(packet.peer.address, port: packet.peer.port, to: &frame) else { return nil }
        frame.writeInteger(head)
        frame.writeBytes(Trojan.lineEnd)
        frame.writeImmutableBuffer(packet.payload)
        return frame
    }
}
