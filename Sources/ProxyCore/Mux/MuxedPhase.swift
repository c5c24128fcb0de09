// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// Joins the client with a stream in one of the outbound's mux connections.
final class MuxedPhase: StreamPhase, StreamEndOwner, @unchecked Sendable {  // confined to the session's event loop
    private let session: StreamSession
    private let routed: Session
    private let outbound: Outbound
    private let carrier: MuxCarrier
    private let flow: Flow
    private let request: StreamRequest
    /// Counts nothing: the connection that carries the stream does.
    private let far: StreamEnd

    init(
        _ session: StreamSession, _ routed: Session, by outbound: Outbound, _ carrier: MuxCarrier, flow: Flow,
        request: StreamRequest
    ) {
        self.session = session
        self.routed = routed
        self.outbound = outbound
        self.carrier = carrier
        self.flow = flow
        self.request = request
        far = StreamEnd(direction: .outbound, loop: session.loop, readCounter: nil, writeCounter: nil)
    }

    func begin() {
        guard let channel = session.end.channel else { return }
        far.owner = self
        far.pauseReading()
        do {
            try carrier.openStream(to: routed.target, far, parent: channel)
            session.outboundEnd = far
            // Not now: what is left of the handshake's bytes is handed back to the end first.
            session.loop.eventLoop.assumeIsolated().execute { [self] in join() }
        } catch {
            far.owner = nil
            session.services.log.write(
                .info, session: session.logID, "proxy/\(outbound.proto.name)",
                "failed to open a mux stream to \(routed.target) > \(error)")
            session.fail()
        }
    }

    private func join() {
        guard session.end.isOpen, far.isOpen else { return }
        StreamEnd.join(
            inbound: session.end, outbound: far, flow: flow, inboundCodec: request.codec, outboundCodec: nil,
            responseHeader: request.responseHeader, early: request.early)
    }

    func received(_ buffer: inout ByteBuffer, on end: StreamEnd) {}
    func inputEnded(on end: StreamEnd) {}

    func closed(_ end: StreamEnd) {
        session.outboundClosed()
    }
}
