// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// Datagrams framed inside the client's connection.
final class PacketPhase: StreamPhase {
    private let session: StreamSession
    private let relay: StreamPacketRelay

    init(_ session: StreamSession, _ request: PacketRequest) {
        self.session = session
        var routed = session.routed(target: request.target, user: request.user)
        routed.vlessRoute = request.vlessRoute
        relay = StreamPacketRelay(
            services: session.services, loop: session.loop, end: session.end, session: routed,
            sniffing: session.inbound.sniffing, request: request)
    }

    func begin() {
        session.end.staysInTLS()
        session.leaveToDatagrams()
        relay.onEnd = { [weak session] in session?.finish() }
    }

    func received(_ buffer: inout ByteBuffer) {
        relay.received(&buffer)
    }

    func inputEnded() {
        relay.inputEnded()
    }

    func connectionClosed() {
        relay.close()
    }
}

/// A UDP socket for as long as the client's connection lives; nothing more is said on the connection.
final class AssociationPhase: StreamPhase {
    private let session: StreamSession
    private let request: AssociateRequest
    private let association: UDPAssociation

    init(_ session: StreamSession, _ request: AssociateRequest) {
        self.session = session
        self.request = request
        let target = Destination(network: .udp, address: .ip(.anyV4), port: 0)
        association = UDPAssociation(
            services: session.services, loop: session.loop, inbound: session.inbound,
            session: session.routed(target: target, user: request.user), request: request)
    }

    func begin() {
        let level = session.services.policy.level(session.inbound.proto.userLevel)
        session.limit(to: .seconds(Int64(level.connectionIdle)))
        association.onFirst = { [weak session] in session?.leaveToDatagrams() }
        association.start(local: session.accepted.local).assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let bound):
                let announced = Endpoint(ip: request.announcedAddress ?? bound.ip, port: bound.port)
                session.end.send(request.reply(announced))
                association.onIdle = { [weak self] in
                    self?.association.close()
                    self?.session.finish()
                }
            case .failure(let error):
                session.services.log.write(
                    .warning, session: session.logID, "proxy/\(session.inbound.proto.name)",
                    "no UDP socket for a client > \(error)")
                session.end.send(request.failure)
                session.finish()
            }
        }
    }

    func received(_ buffer: inout ByteBuffer) {
        buffer.clear()
    }

    func inputEnded() {
        session.finish()
    }

    func connectionClosed() {
        association.close()
    }
}
