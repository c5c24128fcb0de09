// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// Datagrams that arrive on an inbound's own UDP port: a ``PacketSession`` for each source. Confined to its event loop.
final class InboundDatagrams: @unchecked Sendable {  // confined to `loop.eventLoop`
    /// Sources served at a time on one port; datagrams of further ones are dropped until others fall silent.
    private static let sourceLimit = 65_536
    private static let pauseBeforeBinding = TimeAmount.seconds(1)

    private final class Source {
        let session: PacketSession
        let email: String?
        /// Writes what goes back: always as the last datagram wants it, because a client may begin anew on the same port.
        var reply: (any DatagramCodec)?

        init(session: PacketSession, email: String?) {
            self.session = session
            self.email = email
        }
    }

    private let services: CoreServices
    private let loop: LoopContext
    private let inbound: Inbound
    private var sources: [Endpoint: Source] = [:]
    private var channel: (any Channel)?
    private var local = Endpoint.unspecified

    init(services: CoreServices, loop: LoopContext, inbound: Inbound) {
        self.services = services
        self.loop = loop
        self.inbound = inbound
    }

    /// - Parameters:
    ///   - sharesPort: Another socket of this process is on the port, and lets this one on it.
    ///   - reads: False: datagrams wait in the kernel.
    func bind(
        _ address: SocketAddress, sharesPort: Bool = false, reads: Bool = true
    ) -> EventLoopFuture<any Channel> {
        let options = inbound.transport.socket
        return UDPSockets.bind(to: address, options, on: loop.eventLoop, sharesPort: sharesPort, reads: reads) {
            [weak self] data, from in
            self?.received(data, from: from)
        }.assumeIsolated().map { [self] channel in
            self.channel = channel
            local = channel.localAddress.flatMap(Endpoint.init) ?? .unspecified
            channel.closeFuture.assumeIsolated().whenComplete { [self] _ in
                self.channel = nil
                for source in sources.values { source.session.close() }
                sources = [:]
                if !inbound.isClosed { bindAgain() }
            }
            return channel
        }.nonisolated()
    }

    /// The kernel refused to send a datagram (a firewall, a route that went away), for which SwiftNIO closes the socket.
    private func bindAgain() {
        services.log.write(
            .warning, "app/proxyman/inbound", "the UDP socket of \(inbound.tag) on \(local) failed; it is opened again")
        let address = SocketAddress(local.ip, port: local.port)
        loop.eventLoop.scheduleTask(in: Self.pauseBeforeBinding) { [self] in
            guard !inbound.isClosed else { return }
            bind(address).assumeIsolated().whenComplete { [self] result in
                switch result {
                case .success(let channel):
                    guard !inbound.isClosed else { return channel.close(promise: nil) }
                    inbound.opened(Listener(place: .udp(address), channel: channel, owner: nil))
                case .failure:
                    bindAgain()
                }
            }
        }
    }

    private func received(_ data: ByteBuffer, from: SocketAddress) {
        // Nothing can be sent to port 0.
        guard let source = Endpoint(from), source.port != 0 else { return }
        inbound.uplink?.add(data.readableBytes)
        if let format = inbound.proto.datagramFormat {
            guard let opened = format.open(data, from: source) else { return }
            // Another user on the same port is counted for itself.
            if let known = sources[source], known.email != opened.user?.email {
                sources[source] = nil
                known.session.close()
            }
            let known = sources[source] ?? open(source, from: from, target: opened.packet.peer, user: opened.user)
            known?.reply = opened.reply
            known?.session.send(opened.packet)
        } else if let target = inbound.proto.packetTarget(local: local) {
            let known = sources[source] ?? open(source, from: from, target: target, user: nil)
            known?.session.send(Packet(payload: data, peer: target))
        }
    }

    private func open(_ source: Endpoint, from: SocketAddress, target: Destination, user: ProxyUser?) -> Source? {
        guard sources.count < Self.sourceLimit else { return nil }
        var origin = Session(
            logID: loop.nextLogID(), inboundTag: inbound.tag, inboundProtocol: inbound.proto.name,
            fromRemoteUser: inbound.proto.servesRemoteUsers, source: source, local: local, user: user,
            level: user?.level ?? inbound.proto.userLevel, target: target)
        origin.arrivesInDatagrams = true
        let session = PacketSession(services: services, loop: loop, origin: origin, sniffing: inbound.sniffing) {
            [weak self] packet in
            self?.deliver(packet, to: source, from)
        }
        let leave = { [weak self] in
            guard let left = self?.sources.removeValue(forKey: source) else { return }
            left.session.close()
        }
        session.onIdle = leave
        // Sources that nothing is kept for must not use the limit up.
        session.onRefusal = leave
        let opened = Source(session: session, email: user?.email)
        sources[source] = opened
        return opened
    }

    private func deliver(_ packet: Packet, to source: Endpoint, _ address: SocketAddress) {
        // A full queue loses datagrams, as any does.
        guard let channel, channel.isWritable else { return }
        var data = packet.payload
        if let reply = sources[source]?.reply {
            guard let encoded = reply.encode(packet, allocator: channel.allocator) else { return }
            data = encoded
        }
        inbound.downlink?.add(data.readableBytes)
        channel.writeAndFlush(AddressedEnvelope(remoteAddress: address, data: data), promise: nil)
    }
}
