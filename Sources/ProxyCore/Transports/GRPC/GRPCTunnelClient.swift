// SPDX-License-Identifier: Apache-2.0
import GRPCWire
import NIOCore
import ProxyModel

/// The client's side of a connection of tunnels. Confined to its channel's event loop.
final class GRPCTunnelClient: Expiring {
    /// Streams of one connection, beyond which another one is opened; a server may allow fewer.
    private static let streamLimit = 1024
    /// As long as the server has not told its limit.
    private static let firstStreamLimit = 100
    /// A connection without streams, unless its outbound keeps it alive.
    private static let idleLimit = TimeAmount.minutes(5)

    private let channel: any Channel
    private let loop: LoopContext
    private let tunnels: GRPCTunnels
    private let request: HeaderBlock
    private var lifetime: GRPCLifetime
    private var hasSettings = false
    private var isRetired = false
    /// Called once, when no further stream may be opened.
    var onRetired: (() -> Void)?
    /// Told what a server answers in place of a tunnel, and why the connection was given up.
    var onFault: ((String) -> Void)?

    /// Adds the connection to a channel, on top of its layers.
    /// - Parameter isSecure: There is TLS, or another layer that wants whole buffers, below.
    static func add(
        to channel: any Channel, _ plan: GRPCClientPlan, target: Destination, loop: LoopContext, isSecure: Bool
    ) throws {
        let session = try HTTP2Session(options: plan.options)
        let client = GRPCTunnelClient(channel, plan, target, loop, session)
        let handler = HTTP2ConnectionHandler(
            session: session, calls: client, reading: .always, joinsOutput: isSecure)
        client.tunnels.handler = handler
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    /// The connection that ``add(to:_:target:loop:isSecure:)`` made of the channel; nil when it is gone already.
    static func of(_ channel: any Channel) -> GRPCTunnelClient? {
        let handler = try? channel.pipeline.syncOperations.handler(type: HTTP2ConnectionHandler.self)
        guard channel.isActive, let client = handler?.calls as? GRPCTunnelClient, !client.isRetired else { return nil }
        return client
    }

    private init(
        _ channel: any Channel, _ plan: GRPCClientPlan, _ target: Destination, _ loop: LoopContext,
        _ session: HTTP2Session
    ) {
        self.channel = channel
        self.loop = loop
        tunnels = GRPCTunnels(session, isServer: false)
        request = plan.request(to: target)
        let idleLimit = plan.keepAlive?.withoutStreams == true ? nil : Self.idleLimit
        lifetime = GRPCLifetime(keepAlive: plan.keepAlive, firstLimit: idleLimit, idleLimit: idleLimit, now: loop.now)
    }

    var hasRoom: Bool {
        guard !isRetired else { return false }
        let limit = hasSettings ? min(Self.streamLimit, tunnels.session.peerStreamLimit) : Self.firstStreamLimit
        return tunnels.count < limit
    }

    /// Opens a stream; `install` puts the handlers into its channel, which is active when this returns.
    func open(_ install: (any Channel) throws -> Void) throws -> any Channel {
        guard !isRetired else { throw TransportFailure.ended }
        let stream: HTTP2Session.StreamID
        do {
            stream = try tunnels.session.request(request, keepsBody: true)
        } catch {
            // The numbers of streams are used up.
            retire()
            throw TransportFailure("no gRPC stream", error.message)
        }
        let tunnel = try tunnels.add(stream, parent: channel)
        lifetime.streamsChanged(to: tunnels.count, now: loop.now)
        tunnels.outputAdded()
        guard let substream = tunnel.channel else { throw TransportFailure.ended }
        do {
            try install(substream)
        } catch {
            tunnel.end(error)
            throw error
        }
        substream.activate()
        return substream
    }

    var deadline: NIODeadline? { lifetime.deadline }

    /// Called before the time as well, when the core stops.
    func expire() {
        switch lifetime.due(now: loop.now) {
        case .ping:
            tunnels.session.submitPing()
            tunnels.outputAdded()
            loop.track(self)
        case .close(let why):
            if tunnels.count > 0 { onFault?(why) }
            leave()
        case nil:
            leave()
        }
    }

    private func leave() {
        retire()
        tunnels.handler?.closeNow(GRPCStatus(.unavailable, "the connection was given up"))
    }

    private func retire() {
        isRetired = true
        onRetired?()
        onRetired = nil
    }

    /// Ends a tunnel for what the server answered.
    private func fail(_ tunnel: GRPCTunnel, _ why: String) {
        onFault?(why)
        tunnel.end(TransportFailure("gRPC stream refused", why))
    }
}

extension GRPCTunnelClient: HTTP2Calls {
    func connectionStarted() { loop.track(self) }

    func headersReceived(_ stream: HTTP2Session.StreamID, _ block: UnsafeRawBufferPointer, isTrailers: Bool) {
        guard let tunnel = tunnels.find(stream) else { return }
        var fields = HeaderBlock()
        fields.replace(with: block)
        if let status = fields.status {
            // Trailers, or an answer that is nothing else; the end of the stream follows as an event.
            if status.code != .ok { fail(tunnel, "\(status)") }
            return
        }
        guard !isTrailers, let status = fields.value(HeaderBlock.Field.status), !status.hasPrefix("1") else { return }
        guard status == "200" else { return fail(tunnel, "the server answered \(status)") }
        let type = fields.value(HeaderBlock.Field.contentType) ?? ""
        guard Array(type.utf8).withUnsafeBytes(RequestHeaders.isGRPC) else {
            return fail(tunnel, "the server answered with \(type.isEmpty ? "no content type" : type)")
        }
    }

    func dataReceived(_ stream: HTTP2Session.StreamID, _ data: ByteBuffer, isLast: Bool) {
        tunnels.received(stream, data)
    }

    func endReceived(_ stream: HTTP2Session.StreamID) { tunnels.find(stream)?.endInput() }

    func streamClosed(_ stream: HTTP2Session.StreamID, code: UInt32) {
        tunnels.closed(stream, code: code)
        lifetime.streamsChanged(to: tunnels.count, now: loop.now)
        if isRetired, tunnels.count == 0 { tunnels.handler?.closeAfterOutput() }
    }

    func settingsReceived() { hasSettings = true }
    func pingAcknowledged() {}

    func goAwayReceived() {
        retire()
        if tunnels.count == 0 { tunnels.handler?.closeAfterOutput() }
    }

    func readCompleted() {
        lifetime.received(now: loop.now)
        tunnels.readCompleted()
    }

    func takeBody(_ stream: HTTP2Session.StreamID, _ count: Int, into output: inout HTTP2Output) {
        tunnels.takeBody(stream, count, into: &output)
    }

    func outputAdvanced() { tunnels.outputAdvanced() }

    func connectionEnded(_ reason: GRPCStatus) {
        loop.untrack(self)
        retire()
        tunnels.connectionEnded(reason)
        onFault = nil
    }
}
