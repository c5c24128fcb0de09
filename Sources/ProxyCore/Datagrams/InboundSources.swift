// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// Sends what comes back to the sources of an inbound's UDP port. Confined to its event loop.
protocol AnswerPath: AnyObject {
    /// What is to be sent would be lost.
    var isFull: Bool { get }
    /// - Parameters:
    ///   - peer: Where the answer comes from.
    ///   - address: The source's, as the kernel gave it.
    func send(_ data: ByteBuffer, from peer: Destination, to source: Endpoint, _ address: SocketAddress)
}

/// Those who send datagrams to an inbound's UDP port: a ``PacketSession`` for each. Confined to its event loop.
final class InboundSources: @unchecked Sendable {  // confined to `loop.eventLoop`
    /// Sources served at a time on one socket; datagrams of further ones are dropped until others fall silent.
    private static let limit = 65_536

    private final class Source {
        let session: PacketSession
        let email: String?
        /// Of the user whose its next targets are. Somebody who was removed and added again is the same, and has another one.
        var standing: UserStanding?
        /// Whose settings its next targets are routed by.
        var inbound: Inbound
        /// Writes what goes back: always as the last datagram wants it, because a client may begin anew on the same port.
        var reply: (any DatagramCodec)?

        init(session: PacketSession, user: ProxyUser?, inbound: Inbound) {
            self.session = session
            email = user?.email
            standing = user?.standing
            self.inbound = inbound
        }
    }

    private let services: CoreServices
    private let loop: LoopContext
    /// Whose the next datagrams are. When another inbound takes the socket over, sources keep their session and its flows, which go on
    /// as they began, as connections do.
    private let owner: Listener.Owner
    /// The address that they send to.
    private let local: Endpoint
    private weak var path: (any AnswerPath)?
    private var sources: [Endpoint: Source] = [:]

    init(
        services: CoreServices, loop: LoopContext, owner: Listener.Owner, local: Endpoint, path: any AnswerPath
    ) {
        self.services = services
        self.loop = loop
        self.owner = owner
        self.local = local
        self.path = path
    }

    /// A datagram that the inbound's protocol reads, or sends to the one target that it has.
    func received(_ data: ByteBuffer, from source: Endpoint, _ address: SocketAddress) {
        let inbound = owner.inbound
        guard let format = inbound.proto.datagramFormat else {
            guard let target = inbound.proto.packetTarget(local: local, original: nil) else { return }
            return received(data, from: source, address, to: target)
        }
        inbound.uplink?.add(data.readableBytes)
        let opened: OpenedDatagram
        switch format.open(data, from: source) {
        case .opened(let datagram): opened = datagram
        case .refused(let why):
            return services.rejectDatagram(why, inbound: inbound.tag, proto: inbound.proto.name, source: source)
        }
        let known = find(source, address, target: opened.packet.peer, user: opened.user)
        known?.reply = opened.reply
        known?.session.send(opened.packet)
    }

    /// A datagram without a header.
    func received(
        _ data: ByteBuffer, from source: Endpoint, _ address: @autoclosure () -> SocketAddress, to target: Destination
    ) {
        owner.inbound.uplink?.add(data.readableBytes)
        let known = find(source, address(), target: target, user: nil)
        known?.reply = nil
        known?.session.send(Packet(payload: data, peer: target))
    }

    /// Ends what is kept for them.
    func close() {
        for source in sources.values { source.session.close() }
        sources = [:]
    }

    private func find(
        _ source: Endpoint, _ address: @autoclosure () -> SocketAddress, target: Destination, user: ProxyUser?
    ) -> Source? {
        let inbound = owner.inbound
        if let known = sources[source] {
            if known.email == user?.email {
                if known.inbound !== inbound || known.standing !== user?.standing {
                    known.inbound = inbound
                    known.standing = user?.standing
                    let session = session(of: source, inbound, target: target, user: user)
                    known.session.become(session, sniffing: inbound.sniffing)
                }
                return known
            }
            // Another user on the same port is counted for itself.
            sources[source] = nil
            known.session.close()
        }
        return open(source, address(), inbound, session(of: source, inbound, target: target, user: user))
    }

    private func session(of source: Endpoint, _ inbound: Inbound, target: Destination, user: ProxyUser?) -> Session {
        var session = Session(
            logID: loop.nextLogID(), inboundTag: inbound.tag, inboundProtocol: inbound.proto.name,
            fromRemoteUser: inbound.proto.servesRemoteUsers, source: source, local: local, user: user,
            level: user?.level ?? inbound.proto.userLevel, target: target)
        session.arrivesInDatagrams = true
        return session
    }

    private func open(_ source: Endpoint, _ address: SocketAddress, _ inbound: Inbound, _ origin: Session) -> Source? {
        guard sources.count < Self.limit else { return nil }
        let session = PacketSession(services: services, loop: loop, origin: origin, sniffing: inbound.sniffing) {
            [weak self] packet in
            self?.deliver(packet, to: source, address)
        }
        let leave = { [weak self] in
            guard let left = self?.sources.removeValue(forKey: source) else { return }
            left.session.close()
        }
        session.onIdle = leave
        // Sources that nothing is kept for must not use the limit up.
        session.onRefusal = leave
        let opened = Source(session: session, user: origin.user, inbound: inbound)
        sources[source] = opened
        return opened
    }

    private func deliver(_ packet: Packet, to source: Endpoint, _ address: SocketAddress) {
        // A full queue loses datagrams, as any does.
        guard let path, !path.isFull else { return }
        var data = packet.payload
        if let reply = sources[source]?.reply {
            guard let encoded = reply.encode(packet, allocator: ByteBufferAllocator()) else { return }
            data = encoded
        }
        owner.inbound.downlink?.add(data.readableBytes)
        path.send(data, from: packet.peer, to: source, address)
    }
}
