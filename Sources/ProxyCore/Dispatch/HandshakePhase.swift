// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// Reads the protocol's request.
final class HandshakePhase: StreamPhase {
    private let session: StreamSession
    private var handshake: any StreamHandshake

    init(_ session: StreamSession, _ handshake: any StreamHandshake) {
        self.session = session
        self.handshake = handshake
    }

    func received(_ buffer: inout ByteBuffer) {
        while true {
            switch handshake.receive(&buffer) {
            case .needMore:
                return
            case .reply(let bytes):
                session.end.send(bytes)
            case .stream(let request):
                session.limit(to: StreamSession.routingLimit)
                session.enter(nextPhase(for: request))
                return
            case .packets(let request):
                session.enter(PacketPhase(session, request))
                return
            case .associate(let request):
                session.enter(AssociationPhase(session, request))
                return
            case .fallback(let request):
                fallBack(request)
                return
            case .reject(let rejection):
                reject(rejection)
                return
            }
        }
    }

    func inputEnded() {
        session.finish()
    }

    func expired() {
        session.reject("handshake timed out")
    }

    private func nextPhase(for request: StreamRequest) -> any StreamPhase {
        guard !request.target.isMuxRequest else { return MuxServerPhase(session, request) }
        var routed = session.routed(target: request.target, user: request.user)
        routed.vlessRoute = request.vlessRoute
        guard let sniffing = session.inbound.sniffing else { return RoutePhase(session, routed, request) }
        return SniffPhase(session, routed, request, sniffing)
    }

    private func fallBack(_ request: FallbackRequest) {
        session.services.log.write(
            .info, session: session.logID, "proxy/\(session.inbound.proto.name)", "fallback starts > \(request.reason)")
        session.end.pauseReading()
        let target = request.dial.target
        let flow = session.services.openFlow(
            session.routed(target: target, user: nil), outboundTag: "", on: session.loop)
        session.adopt(flow)
        session.enter(
            OutboundPhase(session, request.dial, by: nil, flow: flow, request: StreamRequest(target: target)))
    }

    private func reject(_ rejection: HandshakeRejection) {
        session.reject(rejection.reason)
        if let reply = rejection.reply { session.end.send(reply) }
        if rejection.drain > 0 {
            session.enter(DrainPhase(session, length: rejection.drain))
        } else {
            session.enter(EndedPhase())
            session.finish()
        }
    }
}

extension StreamSession {
    /// What the router is asked about a target of this connection.
    func routed(target: Destination, user: ProxyUser?) -> Session {
        var routed = Session(
            logID: logID, inboundTag: inbound.tag, inboundProtocol: inbound.proto.name,
            fromRemoteUser: inbound.proto.servesRemoteUsers, source: accepted.source, local: accepted.local, user: user,
            level: user?.level ?? inbound.proto.userLevel, target: target)
        routed.isSubstream = isSubstream
        return routed
    }
}
