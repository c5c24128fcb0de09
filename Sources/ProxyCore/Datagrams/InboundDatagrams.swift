// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// Datagrams that arrive on an inbound's own UDP port: a ``PacketSession`` for each source. Confined to its event loop.
final class InboundDatagrams: @unchecked Sendable {  // confined to `loop.eventLoop`
    /// Sources served at a time on one port; datagrams of further ones are dropped until others fall silent.
    private static let sourceLimit = 65_536

    private let services: CoreServices
    private let loop: LoopContext
    private let inbound: Inbound
    private var sessions: [Endpoint: PacketSession] = [:]
    private var channel: (any Channel)?
    private var local = Endpoint.unspecified

    init(services: CoreServices, loop: LoopContext, inbound: Inbound) {
        self.services = services
        self.loop = loop
        self.inbound = inbound
    }

    func bind(_ address: SocketAddress) -> EventLoopFuture<any Channel> {
        UDPSockets.bind(to: address, on: loop.eventLoop) { [weak self] data, from in
            self?.received(data, from: from)
        }.assumeIsolated().map { [self] channel in
            self.channel = channel
            local = channel.localAddress.flatMap(Endpoint.init) ?? .unspecified
            channel.closeFuture.assumeIsolated().whenComplete { [self] _ in
                self.channel = nil
                for session in sessions.values { session.close() }
                sessions = [:]
            }
            return channel
        }.nonisolated()
    }

    private func received(_ data: ByteBuffer, from: SocketAddress) {
        guard let source = Endpoint(from) else { return }
        inbound.uplink?.add(data.readableBytes)
        if let format = inbound.proto.datagramFormat {
            guard let opened = format.open(data, from: source) else { return }
            let target = opened.packet.peer
            let session =
                sessions[source] ?? open(source, from: from, target: target, user: opened.user, reply: opened.reply)
            session?.send(opened.packet)
        } else if let target = inbound.proto.packetTarget(local: local) {
            let session = sessions[source] ?? open(source, from: from, target: target, user: nil, reply: nil)
            session?.send(Packet(payload: data, peer: target))
        }
    }

    /// A source keeps the user, and the format of its replies, of its first datagram.
    private func open(
        _ source: Endpoint, from: SocketAddress, target: Destination, user: ProxyUser?, reply: (any DatagramCodec)?
    ) -> PacketSession? {
        guard sessions.count < Self.sourceLimit else { return nil }
        let origin = Session(
            logID: .random(in: .min ... .max), inboundTag: inbound.tag, inboundProtocol: inbound.proto.name,
            fromRemoteUser: inbound.proto.servesRemoteUsers, source: source, local: local, user: user,
            level: user?.level ?? inbound.proto.userLevel, target: target)
        let session = PacketSession(services: services, loop: loop, origin: origin) { [weak self] packet in
            guard let self, let channel else { return }
            var data = packet.payload
            if let reply {
                guard let encoded = reply.encode(packet, allocator: channel.allocator) else { return }
                data = encoded
            }
            inbound.downlink?.add(data.readableBytes)
            channel.writeAndFlush(AddressedEnvelope(remoteAddress: from, data: data), promise: nil)
        }
        session.onIdle = { [weak self] in self?.sessions.removeValue(forKey: source)?.close() }
        sessions[source] = session
        return session
    }
}
