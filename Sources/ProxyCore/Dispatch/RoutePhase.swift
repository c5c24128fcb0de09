// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// Asks the router where the stream goes, and does what the outbound there wants. Nothing is read from the client meanwhile.
final class RoutePhase: StreamPhase, @unchecked Sendable {  // confined to the session's event loop
    private let session: StreamSession
    private let routed: Session
    private let request: StreamRequest

    init(_ session: StreamSession, _ routed: Session, _ request: StreamRequest) {
        self.session = session
        self.routed = routed
        self.request = request
    }

    func begin() {
        session.end.pauseReading()
        session.services.route(routed, on: session.loop.eventLoop) { [self] route in
            guard session.end.isOpen else { return }
            session.services.logRoute(routed, route)
            guard let outbound = route.outbound else {
                session.fail()
                return
            }
            follow(outbound)
        }
    }

    func expired() {
        session.services.log.write(
            .info, session: session.logID, "app/dispatcher", "no way to \(routed.target) was found in time")
    }

    private func follow(_ outbound: Outbound) {
        let plan = outbound.stream(for: routed)
        if case .reenter(let entry) = plan {
            reenter(entry, from: outbound)
            return
        }
        let flow = session.services.openFlow(routed, outboundTag: outbound.tag, on: session.loop)
        session.adopt(flow)
        switch plan {
        case .dial(let dial):
            if let carrier = session.loop.muxCarrier(for: routed, by: outbound, session.services) {
                session.enter(MuxedPhase(session, routed, by: outbound, carrier, flow: flow, request: request))
                return
            }
            session.enter(OutboundPhase(session, dial, by: outbound, flow: flow, request: request))
        case .discard(let response, let hold):
            session.enter(SwallowPhase(session, flow: flow, request: request, response: response, hold: hold))
        case .serve(let server):
            session.enter(ServePhase(session, flow: flow, server: server, request: request))
        case .queries(let queries, let framing):
            session.enter(
                QueryPhase(session, queries, framing: framing, by: outbound, flow: flow, request: request))
        case .refuse(let why):
            refuse(why, by: outbound)
        case .reenter:
            break
        }
    }

    /// A session that goes round is no flow here; it becomes one where it leaves.
    private func reenter(_ plan: ReentryPlan, from outbound: Outbound) {
        guard let again = routed.reentering(plan.inboundTag) else {
            return refuse("\(routed.target) goes in circles through \(outbound.tag)", by: outbound)
        }
        if let sniffing = plan.sniffing {
            session.enter(SniffPhase(session, again, request, sniffing))
        } else {
            session.enter(RoutePhase(session, again, request))
        }
    }

    private func refuse(_ why: String, by outbound: Outbound) {
        session.services.log.write(.warning, session: session.logID, "proxy/\(outbound.proto.name)", why)
        session.fail()
    }
}
