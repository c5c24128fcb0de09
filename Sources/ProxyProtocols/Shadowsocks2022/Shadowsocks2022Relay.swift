// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import NIOCore
package import ProxyCore
package import ProxyModel
package import XrayProtos

/// A server on the way of Shadowsocks of the 2022 edition (SIP023): takes off what names the next server, and passes everything
/// else on as it is. Only that server can open it.
package final class Shadowsocks2022Relay: InboundProtocol {
    package let name = "shadowsocks-2022-relay"
    package let networks: Set<Network>
    package let servesRemoteUsers = true
    package let userLevel: UInt32 = 0
    package let datagramFormat: (any InboundDatagramFormat)?
    private let next: Shadowsocks2022NextServers

    package init(_ config: Xray_Proxy_Shadowsocks2022_RelayServerConfig) throws(ControlError) {
        let scope = "proxy/shadowsocks_2022"
        let method = try Shadowsocks2022Method.named(config.method, scope: scope)
        guard method.hasBlockCipher else { throw ControlError("\(scope): \(method.rawValue) has no relays") }
        next = try Shadowsocks2022NextServers(method, config, scope: scope)
        let networks = ProxyProtocols.networks(config.network).intersection([.tcp, .udp])
        self.networks = networks.isEmpty ? [.tcp, .udp] : networks
        datagramFormat = self.networks.contains(.udp) ? Shadowsocks2022RelayedDatagrams(next) : nil
    }

    package func accept(_ connection: AcceptedConnection) -> any StreamHandshake {
        Shadowsocks2022RelayHandshake(next)
    }
}

/// The servers that a relay passes on to, by the names of their keys.
package final class Shadowsocks2022NextServers: Sendable {
    struct Server: Sendable {
        let address: Address
        let port: UInt16
        let user: ProxyUser
        /// Of the server's key.
        let block: AESBlock

        func target(_ network: Network) -> Destination { Destination(network: network, address: address, port: port) }
    }

    let method: Shadowsocks2022Method
    let key: [UInt8]
    /// Of the relay's own key.
    let block: AESBlock
    private let servers: [AESBlock.Block: Server]

    init(
        _ method: Shadowsocks2022Method, _ config: Xray_Proxy_Shadowsocks2022_RelayServerConfig, scope: String
    ) throws(ControlError) {
        self.method = method
        key = try method.key(config.key, scope: scope)
        block = AESBlock(key: key)
        var servers: [AESBlock.Block: Server] = [:]
        for (index, entry) in config.destinations.enumerated() {
            let place = "\(scope): destinations[\(index)]"
            let key = try method.key(entry.key, scope: place)
            guard let address = try entry.address.host() else { throw ControlError("\(place): the address is missing") }
            guard let port = UInt16(exactly: entry.port), port > 0 else {
                throw ControlError("\(place): invalid port: \(entry.port)")
            }
            let user = ProxyUser(email: entry.email, level: UInt32(clamping: entry.level))
            let server = Server(address: address, port: port, user: user, block: AESBlock(key: key))
            guard servers.updateValue(server, forKey: Shadowsocks2022Method.name(ofKey: key)) == nil else {
                throw ControlError("\(place): another destination has the same key")
            }
        }
        self.servers = servers
    }

    func find(_ name: AESBlock.Block) -> Server? { servers[name] }
}

/// Reads the salt of a request and the name behind it, and leaves the request without the name.
package struct Shadowsocks2022RelayHandshake: StreamHandshake {
    private static let nameLength = 16

    private let next: Shadowsocks2022NextServers

    package init(_ next: Shadowsocks2022NextServers) {
        self.next = next
    }

    package mutating func receive(_ buffer: inout ByteBuffer) -> HandshakeStep {
        var rest = buffer
        guard let salt = rest.readBytes(length: next.method.keyLength),
            let name = rest.readBytes(length: Self.nameLength)
        else { return .needMore }
        let block = next.method.identity(key: next.key, salt: salt).decrypt(AESBlock.Block(name))
        guard let server = next.find(block) else {
            return .reject(HandshakeRejection("unknown destination", drain: .max))
        }
        var request = ByteBuffer(bytes: salt)
        request.writeImmutableBuffer(rest)
        buffer = request
        return .stream(StreamRequest(target: server.target(.tcp), user: server.user))
    }
}

/// Datagrams whose separate header is opened with the relay's key and sealed again with the next server's, and whose first name
/// is taken off. What comes back is the client's to open.
package final class Shadowsocks2022RelayedDatagrams: InboundDatagramFormat {
    private let next: Shadowsocks2022NextServers
    private let reply = UnchangedDatagrams()

    package init(_ next: Shadowsocks2022NextServers) {
        self.next = next
    }

    package func open(_ datagram: ByteBuffer, from source: Endpoint) -> DatagramOpening {
        var rest = datagram
        guard let first = rest.readBytes(length: 16), let name = rest.readBytes(length: 16) else {
            return .refused("bad datagram")
        }
        let header = next.block.decrypt(AESBlock.Block(first))
        let masked = next.block.decrypt(AESBlock.Block(name))
        let unmasked = AESBlock.Block(high: masked.high ^ header.high, low: masked.low ^ header.low)
        guard let server = next.find(unmasked) else { return .refused("unknown server") }
        var passed = ByteBufferAllocator().buffer(capacity: datagram.readableBytes)
        passed.writeBytes(server.block.encrypt(header).bytes)
        passed.writeImmutableBuffer(rest)
        return .opened(
            OpenedDatagram(
                packet: Packet(payload: passed, peer: server.target(.udp)), user: server.user, reply: reply))
    }
}

private final class UnchangedDatagrams: DatagramCodec, Sendable {
    /// Nothing is read here: an inbound's datagrams are opened by its format.
    func decode(_ datagram: ByteBuffer) -> Packet? { nil }
    func encode(_ packet: Packet, allocator: ByteBufferAllocator) -> ByteBuffer? { packet.payload }
}
