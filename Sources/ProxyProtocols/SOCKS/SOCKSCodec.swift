// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
import ProxyModel

/// Numbers of SOCKS 4, 4a and 5 (RFC 1928, RFC 1929).
package enum SOCKS {
    static let version4: UInt8 = 4
    static let version5: UInt8 = 5
    static let noAuthentication: UInt8 = 0
    static let userPassword: UInt8 = 2
    static let noAcceptableMethod: UInt8 = 0xff

    static let connect: UInt8 = 1
    static let udpAssociate: UInt8 = 3
    /// Commands of Tor, which are served as CONNECT.
    static let torResolve: UInt8 = 0xf0
    static let torResolvePTR: UInt8 = 0xf1

    static let succeeded: UInt8 = 0
    static let commandNotSupported: UInt8 = 7
    static let addressNotSupported: UInt8 = 8

    /// A SOCKS5 reply with the address and port that it announces.
    static func reply(_ code: UInt8, address: Address = .ip(.anyV4), port: UInt16 = 0) -> ByteBuffer {
        var buffer = ByteBuffer(bytes: [version5, code, 0])
        if !AddressForm.portLast.write(address, port: port, to: &buffer) {
            AddressForm.portLast.write(.ip(.anyV4), port: port, to: &buffer)
        }
        return buffer
    }

    /// A SOCKS4 reply; clients look at the second byte only.
    static func reply4(granted: Bool) -> ByteBuffer {
        ByteBuffer(bytes: [0, granted ? 0x5a : 0x5b, 0, 0, 0, 0, 0, 0])
    }
}

/// Datagrams of SOCKS5 UDP ASSOCIATE (RFC 1928 section 7). Fragments are dropped.
package final class SOCKSDatagramCodec: DatagramCodec {
    package init() {}

    package func decode(_ datagram: ByteBuffer) -> Packet? {
        var rest = datagram
        guard rest.readInteger(as: UInt16.self) != nil, rest.readInteger(as: UInt8.self) == 0,
            let (address, port) = try? AddressForm.portLast.read(&rest)
        else { return nil }
        return Packet(payload: rest, peer: Destination(network: .udp, address: address, port: port))
    }

    package func encode(_ packet: Packet, allocator: ByteBufferAllocator) -> ByteBuffer? {
        var datagram = allocator.buffer(capacity: 22 + packet.payload.readableBytes)
        datagram.writeRepeatingByte(0, count: 3)
        guard AddressForm.portLast.write(packet.peer.address, port: packet.peer.port, to: &datagram) else { return nil }
        datagram.writeImmutableBuffer(packet.payload)
        return datagram
    }
}
