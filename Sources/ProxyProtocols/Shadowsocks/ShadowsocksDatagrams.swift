// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
package import ProxyModel

/// Shadowsocks datagrams: a salt, and the address and payload sealed under the key of that salt. The user is found by
/// trying every key. A datagram that comes again is refused: from another's address it would have the answer sent there.
package final class ShadowsocksDatagrams: InboundDatagramFormat {
    private let users: ShadowsocksUsers
    private let salts: ShadowsocksSalts

    /// - Parameter salts: Not those of connections, which a flood of datagrams would push out.
    package init(users: ShadowsocksUsers, salts: ShadowsocksSalts = ShadowsocksSalts()) {
        self.users = users
        self.salts = salts
    }

    package func open(_ datagram: ByteBuffer, from source: Endpoint) -> DatagramOpening {
        let found = users.find(from: source) { user in
            let codec = ShadowsocksDatagramCodec(user: user, salts: salts)
            return codec.decode(datagram).map { (packet: $0, codec: codec) }
        }
        switch found {
        case .found(let user, let value):
            let salt = datagram.getBytes(at: datagram.readerIndex, length: user.cipher.keyLength)
            guard let salt, salts.insert(salt) else { return .refused("replayed datagram") }
            return .opened(OpenedDatagram(packet: value.packet, user: user.user, reply: value.codec))
        case .nobody(let why):
            return .refused(why)
        }
    }
}

/// The datagrams of one user.
package final class ShadowsocksDatagramCodec: DatagramCodec {
    /// Each datagram has a key of its own.
    private static let nonce = AEADNonce()

    private let user: ShadowsocksUser
    private let salts: ShadowsocksSalts?

    /// - Parameter salts: A server's, where those of its own answers go: what it has sent would read as a request.
    package init(user: ShadowsocksUser, salts: ShadowsocksSalts? = nil) {
        self.user = user
        self.salts = salts
    }

    package func decode(_ datagram: ByteBuffer) -> Packet? {
        var rest = datagram
        guard let salt = rest.readBytes(length: user.cipher.keyLength),
            var plain = try? user.cipher.session(masterKey: user.masterKey, salt: salt).open(rest, nonce: Self.nonce),
            let (address, port) = try? AddressForm.portLast.read(&plain, typeMask: 0x0f)
        else { return nil }
        return Packet(payload: plain, peer: Destination(network: .udp, address: address, port: port))
    }

    package func encode(_ packet: Packet, allocator: ByteBufferAllocator) -> ByteBuffer? {
        var plain = allocator.buffer(capacity: packet.payload.readableBytes + 22)
        guard AddressForm.portLast.write(packet.peer.address, port: packet.peer.port, to: &plain) else { return nil }
        plain.writeImmutableBuffer(packet.payload)
        let salt = RandomBytes.array(user.cipher.keyLength)
        _ = salts?.insert(salt)
        var datagram = allocator.buffer(capacity: plain.readableBytes + 48)
        datagram.writeBytes(salt)
        let cipher = user.cipher.session(masterKey: user.masterKey, salt: salt)
        guard (try? cipher.seal(plain, nonce: Self.nonce, into: &datagram)) != nil else { return nil }
        return datagram
    }
}
