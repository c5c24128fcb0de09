// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// Connects to the far side, says what has to be said there before payload may flow, and joins the two ends.
final class OutboundPhase: StreamPhase, StreamEndOwner, @unchecked Sendable {  // confined to the session's event loop
    private let session: StreamSession
    private let plan: DialPlan
    /// Nil for a fallback, which no outbound counts.
    private let outbound: Outbound?
    private let flow: Flow
    private let request: StreamRequest
    private let far: StreamEnd
    private var greeting: Greeting?
    /// What the greeting has said last, which waits for the first payload to go with it.
    private var unsent: ByteBuffer?

    /// Payload that is read from the client before the far side is ready, so that it can go there with the request.
    private static let earlyLimit = 16 * 1024

    init(_ session: StreamSession, _ plan: DialPlan, by outbound: Outbound?, flow: Flow, request: StreamRequest) {
        self.session = session
        self.plan = plan
        self.outbound = outbound
        self.flow = flow
        self.request = request
        far = StreamEnd(
            direction: .outbound, loop: session.loop, readCounter: outbound?.downlink,
            writeCounter: outbound?.uplink)
    }

    func begin() {
        far.owner = self
        far.pauseReading()
        if plan.handshake != nil { session.end.resumeReading() }
        session.services.connect(
            plan, by: outbound, session: flow.session, on: session.loop, end: far
        ).assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let channel):
                guard session.end.isOpen else {
                    channel.close(promise: nil)
                    far.owner = nil
                    return
                }
                session.outboundEnd = far
                connected(channel)
            case .failure(let error):
                far.owner = nil
                unreachable("\(error)")
            }
        }
    }

    /// Payload waits where it is.
    func received(_ buffer: inout ByteBuffer) {
        if buffer.readableBytes >= Self.earlyLimit { session.end.pauseReading() }
    }

    func expired() {
        unreachable("the server did not answer in time")
    }

    func connectionClosed() {
        greeting = nil
    }

    private func connected(_ channel: any Channel) {
        guard !plan.copiesDirectly || far.allowsDirectCopy else {
            unreachable("the flow needs TLS 1.3, directly on TCP")
            far.abort()
            return
        }
        greeting = Greeting(plan, on: channel)
        if plan.handshake != nil {
            session.limit(to: .seconds(Int64(flow.policy.handshake)))
            far.resumeReading()
        }
        var nothing = ByteBuffer()
        received(&nothing, on: far)
    }

    private func join() {
        guard session.end.isOpen, far.isOpen else { return }
        session.unlimit()
        let header = unsent
        unsent = nil
        StreamEnd.join(
            inbound: session.end, outbound: far, flow: flow, inboundCodec: request.codec, outboundCodec: plan.codec,
            responseHeader: request.responseHeader, requestHeader: header, early: request.early)
    }

    private func unreachable(_ why: String) {
        greeting = nil
        let name = outbound?.proto.name ?? session.inbound.proto.name
        session.services.log.write(
            .info, session: session.logID, "proxy/\(name)", "failed to open connection to \(plan.target) > \(why)")
        if let reply = request.unreachableReply ?? request.responseHeader { session.end.send(reply) }
        session.fail()
    }

    // MARK: The far end

    func received(_ buffer: inout ByteBuffer, on end: StreamEnd) {
        switch greeting?.receive(&buffer) {
        case .needMore(let said)?:
            if let said { far.send(said) }
        case .done(let said)?:
            greeting = nil
            unsent = said
            // Otherwise not now: what is left of a buffer is handed back to its end when the call that brought it returns.
            guard plan.handshake != nil || session.isFeeding else { return join() }
            session.loop.eventLoop.assumeIsolated().execute { [self] in join() }
        case .failed(let why)?:
            unreachable(why)
            far.abort()
        case nil:
            break
        }
    }

    func inputEnded(on end: StreamEnd) {
        if greeting != nil { unreachable("the server closed the connection") }
    }

    func closed(_ end: StreamEnd) {
        session.outboundClosed()
    }
}
