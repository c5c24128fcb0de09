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
        session.limitSilence()
        relay.notify(
            onBusy: { [weak session] in session?.deadline = nil }, onIdle: { [weak session] in session?.finishSoon() })
    }

    func received(_ buffer: inout ByteBuffer) {
        relay.received(&buffer)
    }

    func inputEnded() {
        session.end.finish()
    }

    func left() {
        relay.close()
    }
}

extension StreamSession {
    /// How long a client may take what is left for it when its datagrams are over.
    private static let drainLimit = TimeAmount.seconds(10)

    /// Without a flow, which has a limit of its own, nothing else would end a connection that says nothing.
    fileprivate func limitSilence() {
        let level = services.policy.level(inbound.proto.userLevel)
        deadline = loop.now + .seconds(Int64(level.connectionIdle))
    }

    fileprivate func finishSoon() {
        deadline = loop.now + Self.drainLimit
        end.finish()
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
        session.limitSilence()
        association.onBusy = { [weak session] in session?.deadline = nil }
        association.start(local: session.accepted.local).assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let bound):
                let announced = Endpoint(ip: request.announcedAddress ?? bound.ip, port: bound.port)
                session.end.send(request.reply(announced))
                association.onIdle = { [weak self] in
                    self?.association.close()
                    self?.session.finishSoon()
                }
            case .failure(let error):
                session.services.log.write(
                    .warning, session: session.logID, "proxy/\(session.inbound.proto.name)",
                    "no UDP socket for a client > \(error)")
                session.end.send(request.failure)
                session.end.finish()
            }
        }
    }

    func received(_ buffer: inout ByteBuffer) {
        buffer.clear()
    }

    func inputEnded() {
        session.end.finish()
    }

    func left() {
        association.close()
    }
}
