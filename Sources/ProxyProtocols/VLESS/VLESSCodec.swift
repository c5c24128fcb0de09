// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
package import ProxyModel

/// Constants of VLESS version 0.
package enum VLESS {
    package static let visionFlow = "xtls-rprx-vision"
    /// Version, id, an empty addons length: fewer bytes in a first read are another protocol's.
    package static let shortestRequest = 18

    package enum Command: UInt8, Sendable {
        case tcp = 1
        case udp = 2
        case mux = 3
        case reverse = 4
    }

    /// Version 0 and no addons: what a server sends in front of its first bytes.
    package static let responseHeader = ByteBuffer(bytes: [0, 0])

    /// Takes a server's response header off the buffer; false = not complete yet.
    static func readResponseHeader(_ buffer: inout ByteBuffer) throws(ProtocolError) -> Bool {
        var rest = buffer
        guard let version = rest.readInteger(as: UInt8.self) else { return false }
        guard version == 0 else { throw ProtocolError(.malformed, "VLESS response of version \(version)") }
        guard let addons = rest.readInteger(as: UInt8.self), rest.readSlice(length: Int(addons)) != nil else {
            return false
        }
        buffer = rest
        return true
    }

    /// A request; the payload follows. Nil when the domain is too long. A request for mux names no target.
    package static func request(id: UserID, target: Destination, flow: String = "") -> ByteBuffer? {
        var buffer = ByteBuffer(bytes: [0])
        buffer.writeBytes(id.bytes)
        // The addons: a message of which only the flow, field 1, is in use.
        let addons: [UInt8] = flow.isEmpty ? [] : [0x0a, UInt8(truncatingIfNeeded: flow.utf8.count)] + flow.utf8
        buffer.writeInteger(UInt8(truncatingIfNeeded: addons.count))
        buffer.writeBytes(addons)
        guard !target.isMuxRequest else {
            buffer.writeInteger(Command.mux.rawValue)
            return buffer
        }
        buffer.writeInteger((target.network == .udp ? Command.udp : Command.tcp).rawValue)
        guard AddressForm.portFirst.write(target.address, port: target.port, to: &buffer) else { return nil }
        return buffer
    }
}

/// Datagrams of VLESS command 2 and of no address: a big-endian 16-bit length and the data, all for one target.
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
