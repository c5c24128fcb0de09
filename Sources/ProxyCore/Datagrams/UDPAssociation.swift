// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// A UDP socket that serves one client for as long as its connection lives (RFC 1928 section 7).
///
/// Only the client's own address is served; its port is learnt from the first datagram. Confined to its event loop.
final class UDPAssociation: @unchecked Sendable {  // confined to `loop.eventLoop`
    private let services: CoreServices
    private let loop: LoopContext
    private let inbound: Inbound
    private var origin: Session
    private let codec: any DatagramCodec
    private var client: SocketAddress?
    private var channel: (any Channel)?
    private var packets: PacketSession?
    private var isClosed = false
    var onIdle: (() -> Void)? {
        didSet { packets?.onIdle = onIdle }
    }
    /// Called with the first datagram.
    var onFirst: (() -> Void)?

    init(
        services: CoreServices, loop: LoopContext, inbound: Inbound, session: Session, request: AssociateRequest
    ) {
        self.services = services
        self.loop = loop
        self.inbound = inbound
        self.origin = session
        self.codec = request.codec
    }

    /// Binds on the address that the connection came in on; gives the address that the client may send to.
    func start(local: Endpoint) -> EventLoopFuture<Endpoint> {
        return UDPSockets.bind(
            to: SocketAddress(local.ip, port: 0), inbound.transport.socket, on: loop
        ) { [weak self] data, from in
            self?.received(data, from: from)
        }.assumeIsolated().flatMapThrowing { [self] channel in
            guard !isClosed else {
                channel.close(promise: nil)
                throw ChannelError.alreadyClosed
            }
            self.channel = channel
            channel.closeFuture.assumeIsolated().whenComplete { [weak self] _ in
                guard let self, !isClosed else { return }
                onIdle?()
            }
            guard let address = channel.localAddress, let endpoint = Endpoint(address) else {
                throw ChannelError.unknownLocalAddress
            }
            return endpoint
        }.nonisolated()
    }

    func close() {
        isClosed = true
        channel?.close(promise: nil)
        channel = nil
        packets?.close()
        packets = nil
    }

    private func received(_ data: ByteBuffer, from: SocketAddress) {
        guard let endpoint = Endpoint(from), endpoint.port != 0, endpoint.ip == origin.source.ip else { return }
        if let client {
            guard client == from else { return }
        } else {
            client = from
            begin(endpoint)
        }
        inbound.uplink?.add(data.readableBytes)
        guard let packet = codec.decode(data) else { return }
        packets?.send(packet)
    }

    /// The session is the source's of the datagrams, which is not that of the connection.
    private func begin(_ source: Endpoint) {
        origin.source = source
        origin.arrivesInDatagrams = true
        let level = services.policy.level(origin.level)
        let session = PacketSession(
            services: services, loop: loop, origin: origin, sniffing: inbound.sniffing,
            patience: .seconds(Int64(level.connectionIdle))
        ) { [weak self] packet in
            self?.deliver(packet)
        }
        session.onIdle = onIdle
        packets = session
        onFirst?()
        onFirst = nil
    }

    private func deliver(_ packet: Packet) {
        // A full queue loses datagrams, as any does.
        guard let channel, let client, channel.isWritable,
            let data = codec.encode(packet, allocator: channel.allocator)
        else { return }
        inbound.downlink?.add(data.readableBytes)
        loop.datagrams.send(data, to: client, from: channel)
    }
}
