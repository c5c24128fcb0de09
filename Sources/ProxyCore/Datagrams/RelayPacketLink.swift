// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOPosix
import ProxyModel

/// Datagrams wrapped into datagrams to a server, on a UDP socket of their own, or through the outbound that carries this one. Only
/// what comes from the server is taken. Confined to its event loop.
final class RelayPacketLink: PacketLink, @unchecked Sendable {  // confined to `loop.eventLoop`
    /// Datagrams that wait for the socket; more are dropped, as a network would.
    private static let waitingLimit = 64

    private let plan: PacketRelayPlan
    private let outbound: Outbound
    private let session: Session
    private let services: CoreServices
    private let loop: LoopContext
    private let connection: DialledConnection?
    private var channel: (any Channel)?
    private var server: SocketAddress?
    /// In place of the socket, and where its datagrams go.
    private var carried: (link: any PacketLink, server: Destination)?
    private var waiting: [Packet] = []
    private var receive: ((Packet) -> Void)?
    private var failed: ((any Error) -> Void)?
    private var isClosed = false

    init(plan: PacketRelayPlan, outbound: Outbound, session: Session, services: CoreServices, loop: LoopContext) {
        self.plan = plan
        self.outbound = outbound
        self.session = session
        self.services = services
        self.loop = loop
        connection = plan.association.map { association in
            var dial = association.dial
            dial.handshake = association.handshake
            return DialledConnection(
                dial, by: outbound, session: session, services: services, loop: loop, isCounted: false)
        }
    }

    func start(receive: @escaping (Packet) -> Void, failed: @escaping (any Error) -> Void) {
        self.receive = receive
        self.failed = failed
        guard let connection else {
            find(plan.server)
            return
        }
        connection.onOpen = { [weak self, connection] said in
            if let said { connection.send(said) }
            self?.associated((connection.handshake as? any AssociateHandshake)?.relay, control: connection.end.channel)
        }
        connection.onReceive = { $0.clear() }
        connection.onEnd = { [weak self] ending in self?.fail(ending.error) }
        connection.start(limit: .seconds(Int64(services.policy.level(0).handshake)))
    }

    func send(_ packet: Packet) {
        guard !isClosed else { return }
        if let carried {
            guard let data = plan.codec.encode(packet, allocator: ByteBufferAllocator()) else { return }
            return carried.link.send(Packet(payload: data, peer: carried.server))
        }
        guard let channel, let server else {
            if waiting.count < Self.waitingLimit {
                waiting.append(Packet(payload: packet.payload.kept, peer: packet.peer))
            }
            return
        }
        // A socket whose queue is full loses datagrams, as any does.
        guard channel.isWritable, let data = plan.codec.encode(packet, allocator: channel.allocator) else { return }
        loop.datagrams.send(data, to: server, from: channel)
    }

    func close() {
        isClosed = true
        receive = nil
        failed = nil
        waiting = []
        channel?.close(promise: nil)
        channel = nil
        carried?.link.close()
        carried = nil
        connection?.close()
    }

    private func fail(_ error: any Error) {
        failed?(error)
    }

    /// An unspecified address in the answer stands for the one that the connection goes to.
    private func associated(_ relay: Destination?, control: (any Channel)?) {
        guard let relay else { return fail(DialError(description: "the server named no port for datagrams")) }
        guard case .ip(let ip) = relay.address, ip.isUnspecified else { return find(relay) }
        // The connection that is carried goes to the carrier's server, as far as its socket knows.
        guard outbound.transport.carrierTag == nil else {
            return find(Destination(network: .udp, address: plan.server.address, port: relay.port))
        }
        guard let endpoint = control?.remoteAddress.flatMap(Endpoint.init) else {
            return fail(DialError(description: "the server's address is not known"))
        }
        open(SocketAddress(endpoint.ip, port: relay.port))
    }

    private func find(_ server: Destination) {
        let server = Destination(network: .udp, address: server.address, port: server.port)
        do {
            if let link = try services.carrierLink(of: outbound, to: server, session: session, on: loop) {
                return carry(by: link, to: server)
            }
        } catch {
            return fail(error)
        }
        switch server.address {
        case .ip(let ip):
            open(SocketAddress(ip, port: server.port))
        case .domain(let name):
            services.resolver.resolve(name, for: .core, on: loop.eventLoop).assumeIsolated().whenSuccess {
                [self] addresses in
                // A datagram that goes nowhere tells nothing, so the family that a server more likely has comes first.
                guard let ip = DomainResolution.prefer4.order(addresses).first else {
                    return fail(DialError(description: "\(name) cannot be resolved"))
                }
                open(SocketAddress(ip, port: server.port))
            }
        }
    }

    private func carry(by link: any PacketLink, to server: Destination) {
        guard !isClosed else { return }
        carried = (link, server)
        link.start(
            receive: { [weak self] packet in
                // Of a name only the far end knows the address.
                guard let self, packet.peer.port == server.port,
                    server.address.ip == nil || packet.peer.address == server.address,
                    let opened = plan.codec.decode(packet.payload)
                else { return }
                receive?(opened)
            },
            failed: { [weak self] error in self?.fail(error) })
        let packets = waiting
        waiting = []
        for packet in packets { send(packet) }
    }

    private func open(_ server: SocketAddress) {
        guard !isClosed else { return }
        let isIPv4 = server.protocol == .inet
        var local: IPAddress = isIPv4 ? .anyV4 : .anyV6
        if let address = plan.localAddress, address.isIPv4 == isIPv4 { local = address }
        UDPSockets.bind(to: SocketAddress(local, port: 0), outbound.transport.socket, on: loop) {
            [weak self] data, from in
            guard let self, from == server, let packet = plan.codec.decode(data) else { return }
            receive?(packet)
        }.assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let channel):
                guard !isClosed else { return channel.close(promise: nil) }
                self.channel = channel
                self.server = server
                channel.closeFuture.assumeIsolated().whenComplete { [weak self] _ in
                    guard let self, !isClosed else { return }
                    fail(DialError(description: "the socket failed"))
                }
                let packets = waiting
                waiting = []
                for packet in packets { send(packet) }
            case .failure(let error):
                fail(error)
            }
        }
    }
}
