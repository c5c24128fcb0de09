// SPDX-License-Identifier: Apache-2.0
import GRPCWire
import NIOCore
import ProxyModel

/// The server's side of a connection of tunnels: each stream that asks for one of the two methods becomes a channel of its own.
/// Confined to its channel's event loop.
final class GRPCTunnelServer: Expiring {
    /// A connection without streams.
    private static let idleLimit = TimeAmount.minutes(10)

    /// What the connection is part of.
    struct Inbound {
        var plan: GRPCServerPlan
        var info: TransportInfo
        var loop: LoopContext
        /// No more streams are taken: the inbound was removed.
        var isRemoved: () -> Bool
        /// Takes a stream's channel, and where the stream comes from; puts its handlers in and activates it.
        var accept: (VirtualChannel, Endpoint) throws -> Void
        var refused: (TransportFailure) -> Void
    }

    private let inbound: Inbound
    private let channel: any Channel
    private let tunnels: GRPCTunnels
    private var lifetime: GRPCLifetime
    private var fields = HeaderBlock()
    private var isLeaving = false

    /// Adds the connection to a channel, on top of its layers.
    /// - Parameters:
    ///   - firstLimit: How long it may take to the first stream.
    ///   - isSecure: There is TLS below.
    static func add(to channel: any Channel, _ inbound: Inbound, firstLimit: TimeAmount, isSecure: Bool) throws {
        let session = try HTTP2Session(options: inbound.plan.options)
        let server = GRPCTunnelServer(inbound, channel, session, firstLimit: firstLimit)
        let handler = HTTP2ConnectionHandler(
            session: session, calls: server, reading: .unlessFlooded, joinsOutput: isSecure)
        server.tunnels.handler = handler
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    private init(_ inbound: Inbound, _ channel: any Channel, _ session: HTTP2Session, firstLimit: TimeAmount) {
        self.inbound = inbound
        self.channel = channel
        tunnels = GRPCTunnels(session, isServer: true)
        lifetime = GRPCLifetime(
            keepAlive: inbound.plan.keepAlive, firstLimit: firstLimit, idleLimit: Self.idleLimit, now: inbound.loop.now)
    }

    var deadline: NIODeadline? { lifetime.deadline }

    /// Called before the time as well, when the core stops.
    func expire() {
        switch lifetime.due(now: inbound.loop.now) {
        case .ping:
            tunnels.session.submitPing()
            tunnels.outputAdded()
            inbound.loop.track(self)
        case .close, nil:
            tunnels.session.submitGoAway()
            tunnels.handler?.closeAfterOutput()
        }
    }

    private func open(_ stream: HTTP2Session.StreamID) throws {
        let tunnel = try tunnels.add(stream, parent: channel)
        lifetime.streamsChanged(to: tunnels.count, now: inbound.loop.now)
        guard let substream = tunnel.channel else { return }
        try inbound.accept(substream, source)
    }

    private var source: Endpoint {
        let peer = inbound.info.source
        let list = fields.value(named: "x-forwarded-for")
        return inbound.plan.forwarders.source(list, from: peer) { fields.hasField(named: $0) } ?? peer
    }
}

extension GRPCTunnelServer: HTTP2Calls {
    func connectionStarted() { inbound.loop.track(self) }

    func headersReceived(_ stream: HTTP2Session.StreamID, _ block: UnsafeRawBufferPointer, isTrailers: Bool) {
        // A client's trailers mean nothing in gRPC.
        guard !isTrailers else { return }
        guard !inbound.isRemoved() else {
            if !isLeaving { tunnels.session.submitGoAway() }
            isLeaving = true
            tunnels.session.reset(stream, code: HTTP2Session.ErrorCode.refusedStream)
            tunnels.outputAdded()
            return
        }
        fields.replace(with: block)
        var request = RequestHeaders()
        guard request.read(block, methods: inbound.plan.methods) != nil else {
            let status = request.refusal ?? GRPCStatus(.internal, "")
            tunnels.refuse(stream, status, httpStatus: request.httpStatus)
            inbound.refused(TransportFailure("not a request of the gRPC transport", status.message))
            return
        }
        do {
            try open(stream)
        } catch {
            tunnels.session.reset(stream, code: HTTP2Session.ErrorCode.internal)
            tunnels.outputAdded()
        }
    }

    func dataReceived(_ stream: HTTP2Session.StreamID, _ data: ByteBuffer, isLast: Bool) {
        tunnels.received(stream, data)
    }

    func endReceived(_ stream: HTTP2Session.StreamID) { tunnels.find(stream)?.endInput() }

    func streamClosed(_ stream: HTTP2Session.StreamID, code: UInt32) {
        tunnels.closed(stream, code: code)
        lifetime.streamsChanged(to: tunnels.count, now: inbound.loop.now)
        if isLeaving, tunnels.count == 0 { tunnels.handler?.closeAfterOutput() }
    }

    func settingsReceived() {}
    func pingAcknowledged() {}
    func goAwayReceived() {}

    func readCompleted() {
        lifetime.received(now: inbound.loop.now)
        tunnels.readCompleted()
    }

    func takeBody(_ stream: HTTP2Session.StreamID, _ count: Int, into output: inout HTTP2Output) {
        tunnels.takeBody(stream, count, into: &output)
    }

    func outputAdvanced() { tunnels.outputAdvanced() }

    func connectionEnded(_ reason: GRPCStatus) {
        inbound.loop.untrack(self)
        tunnels.connectionEnded(reason)
    }
}
