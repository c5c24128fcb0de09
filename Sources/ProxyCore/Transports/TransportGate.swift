// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel

/// What is known of a connection when its transport is up; the layers fill it in as they shake hands. Confined to the
/// connection's event loop.
final class TransportInfo {
    var source: Endpoint
    var local: Endpoint
    /// The name in the client's TLS hello, in lower case; empty without TLS.
    var serverName = ""
    /// The application protocol that TLS agreed on; empty when none.
    var alpn = ""
    /// TLS 1.3 directly on the socket, with a ``RecordGate`` below.
    var allowsDirectCopy = false

    init(source: Endpoint, local: Endpoint) {
        self.source = source
        self.local = local
    }

    convenience init(of channel: any Channel) {
        self.init(
            source: channel.remoteAddress.flatMap(Endpoint.init) ?? .unspecified,
            local: channel.localAddress.flatMap(Endpoint.init) ?? .unspecified)
    }
}

extension AcceptedConnection {
    init(_ info: TransportInfo) {
        self.init(
            source: info.source, local: info.local, serverName: info.serverName, alpn: info.alpn,
            allowsDirectCopy: info.allowsDirectCopy)
    }
}

/// Stands between a transport's layers and the ``StreamEnd`` until the transport is up, then takes itself out.
///
/// A layer tells the one above that it is up by `channelActive`, and that it failed by an error or by closing; the gate
/// passes the first on and reports the rest. Confined to its channel's event loop.
final class TransportGate: ChannelInboundHandler, RemovableChannelHandler, Expiring {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let loop: LoopContext
    private var onFailure: ((TransportFailure) -> Void)?
    private var onReady: (() -> Void)?
    private var context: ChannelHandlerContext?
    private var sawError: TransportFailure?
    /// When the transport must be up.
    private(set) var deadline: NIODeadline?

    /// - Parameters:
    ///   - onReady: Called in front of `channelActive`.
    ///   - onFailure: Called once in place of `onReady`; the channel is closed then.
    init(
        loop: LoopContext, limit: TimeAmount, onReady: (() -> Void)? = nil,
        onFailure: @escaping (TransportFailure) -> Void
    ) {
        self.loop = loop
        self.onReady = onReady
        self.onFailure = onFailure
        deadline = loop.now + limit
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.track(self)
    }

    /// An attempt to connect that failed is no failure of the transport: another one may follow.
    func handlerRemoved(context: ChannelHandlerContext) {
        if self.context === context { self.context = nil }
    }

    /// No connection was made.
    func cancel() {
        onFailure = nil
        onReady = nil
        loop.untrack(self)
    }

    func channelActive(context: ChannelHandlerContext) {
        guard onFailure != nil else { return }
        onFailure = nil
        loop.untrack(self)
        onReady?()
        onReady = nil
        context.fireChannelActive()
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        sawError = sawError ?? (error as? TransportFailure) ?? TransportFailure("transport failed", "\(error)")
        abort()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent {
            sawError = sawError ?? .ended
            abort()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(sawError ?? .ended)
        context.fireChannelInactive()
    }

    func expire() {
        deadline = nil
        sawError = TransportFailure("transport handshake timed out")
        abort()
    }

    private func abort() {
        let context = context
        fail(sawError ?? .ended)
        context?.triggerUserOutboundEvent(TransportAbort(), promise: nil)
    }

    private func fail(_ failure: TransportFailure) {
        guard let onFailure else { return }
        self.onFailure = nil
        onReady = nil
        loop.untrack(self)
        onFailure(failure)
    }
}
