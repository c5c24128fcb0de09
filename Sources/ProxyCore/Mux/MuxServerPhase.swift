// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// Serves the sessions inside of a client's mux connection: each stream becomes a ``StreamSession`` of its own on a
/// ``VirtualChannel``, each source of datagrams a ``PacketSession``.
final class MuxServerPhase: StreamPhase {
    /// How long a connection without sessions is kept.
    private static let idleLimit = TimeAmount.seconds(60)

    private let session: StreamSession
    private let request: StreamRequest
    private let link: MuxLink
    private let pipe: MuxPipe

    init(_ session: StreamSession, _ request: StreamRequest) {
        self.session = session
        self.request = request
        let level = session.services.policy.level(request.user?.level ?? session.inbound.proto.userLevel)
        link = MuxLink(end: session.end, loop: session.loop, queueLimit: level.bufferSize)
        pipe = MuxPipe(session.end, codec: request.codec, header: request.responseHeader)
    }

    func begin() {
        session.end.staysInTLS()
        // The connection is a flow as well, so that it can be found and cut: it would carry new streams of its user for ever.
        let flow = session.services.openFlow(
            session.routed(target: .mux, user: request.user), outboundTag: "", on: session.loop,
            idleLimit: .hours(24 * 365))
        session.adopt(flow)
        link.onNew = { [weak self] frame in self?.open(frame) }
        link.onChange = { [weak self] in self?.setDeadline() }
        link.open(pipe)
        setDeadline()
    }

    private func setDeadline() {
        if link.count == 0 { session.limit(to: Self.idleLimit) } else { session.unlimit() }
    }

    func received(_ buffer: inout ByteBuffer) {
        do {
            try link.received(&buffer)
        } catch {
            buffer.clear()
            end("\(error)")
        }
    }

    private func end(_ why: String) {
        session.services.log.write(
            .info, session: session.logID, "proxy/\(session.inbound.proto.name)",
            "mux connection from \(session.accepted.source) ended > \(why)")
        session.abort()
    }

    func writabilityChanged() {
        link.writabilityChanged()
    }

    func inputEnded() {
        link.close()
        pipe.writeEnd()
        // It is as any other now: its client may not take what is left for it.
        if let flow = session.flow {
            flow.idleLimit = .seconds(Int64(flow.policy.connectionIdle))
            flow.lastActivity = session.loop.now
        }
        session.finish()
    }

    func connectionClosed() {
        link.close()
    }

    // MARK: Sessions

    private func open(_ frame: MuxFrame) {
        guard let target = frame.peer else { return }
        guard !session.inbound.isClosed else { return end("the inbound was removed") }
        guard request.user?.standing.isRemoved != true else { return end("the user was removed") }
        switch target.network {
        case .udp: openPackets(frame, target)
        case _ where request.carriesDatagramsOnly: end("the flow does not carry streams in mux")
        default: openStream(frame, target)
        }
    }

    private func openStream(_ frame: MuxFrame, _ target: Destination) {
        guard !target.isMuxRequest, let parent = session.end.channel,
            let channel = link.addStream(frame.id, on: parent, isServer: true)
        else { return link.sendEnd(frame.id, isError: true) }
        // Counted by the connection that carries it.
        let end = StreamEnd(direction: .inbound, loop: session.loop, readCounter: nil, writeCounter: nil)
        let inner = StreamSession(
            services: session.services, inbound: session.inbound, loop: session.loop, end: end,
            accepted: session.accepted, isSubstream: true)
        var opened = StreamRequest(target: target, user: request.user)
        opened.vlessRoute = request.vlessRoute
        end.onActive = { [opened] end, _ in
            end.owner = inner
            inner.start(KnownRequest(opened))
        }
        do {
            try channel.pipeline.syncOperations.addHandler(end)
            channel.activate()
        } catch {
            channel.end(error)
        }
    }

    private func openPackets(_ frame: MuxFrame, _ target: Destination) {
        guard let packets = link.addPackets(frame.id, target: target) else {
            return link.sendEnd(frame.id, isError: true)
        }
        var origin = session.routed(target: target, user: request.user)
        origin.vlessRoute = request.vlessRoute
        let source = session.services.xudp.hold(
            frame.globalID, of: origin, services: session.services, loop: session.loop)
        let attachment = XUDPAttachment(
            packets, to: source, origin: origin, sniffing: session.inbound.sniffing, loop: session.loop)
        packets.onReceive = { attachment.send($0) }
        packets.onClose = { attachment.close() }
        if let data = frame.data, data.readableBytes > 0 {
            attachment.send(Packet(payload: data, peer: target))
        }
    }
}

/// A request that was read elsewhere.
struct KnownRequest: StreamHandshake {
    private let request: StreamRequest

    init(_ request: StreamRequest) {
        self.request = request
    }

    mutating func receive(_ buffer: inout ByteBuffer) -> HandshakeStep { .stream(request) }
}
