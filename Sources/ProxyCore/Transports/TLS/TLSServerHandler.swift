// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOSSL
import NIOTLS

/// Reads the hello of a TLS client, picks the certificate by the name in it, and puts the TLS handler in its place.
///
/// No TLS object is made for a peer that does not send a whole hello. Confined to its channel's event loop.
final class TLSServerHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// A fatal alert `unrecognized_name` (RFC 6066 section 3), in a record of its own.
    private static let unrecognizedName: [UInt8] = [0x15, 3, 3, 0, 2, 2, 112]

    private let plan: TLSServerPlan
    private let info: TransportInfo
    private var received: ByteBuffer?

    init(plan: TLSServerPlan, info: TransportInfo) {
        self.plan = plan
        self.info = info
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        if received == nil { received = part } else { received?.writeBuffer(&part) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard let bytes = received else {
            context.fireChannelReadComplete()
            return
        }
        switch ServerName.peek(bytes) {
        case .needMore:
            context.fireChannelReadComplete()
        case .invalid:
            received = nil
            context.fireErrorCaught(TransportFailure("not a TLS client hello"))
        case .name(let name):
            received = nil
            info.serverName = name
            guard let tls = plan.context(for: name) else {
                let alert = ByteBuffer(bytes: Self.unrecognizedName)
                context.writeAndFlush(wrapOutboundOut(alert), promise: nil)
                context.fireErrorCaught(TransportFailure("unknown TLS server name", name))
                return
            }
            start(tls, with: bytes, context)
        }
    }

    private func start(_ tls: NIOSSLContext, with bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandler(
                NIOSSLServerHandler(context: tls, configuration: TLSSettings.handler), position: .after(self))
        } catch {
            context.fireErrorCaught(error)
            return
        }
        context.fireChannelRead(wrapInboundOut(bytes))
        context.fireChannelReadComplete()
        pipeline.removeHandler(context: context, promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent, received != nil {
            context.fireErrorCaught(TransportFailure("incomplete TLS client hello"))
        }
        context.fireUserInboundEventTriggered(event)
    }
}

/// Stands above the TLS handler: tells the layers above when the handshake is done, and makes of TLS's ends what they know
/// from sockets. Confined to its channel's event loop.
final class TLSCeiling: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let info: TransportInfo?
    private let check: (() -> TransportFailure?)?
    private var isUp = false
    private var isClosing = false

    /// - Parameter check: Called when the handshake is done; what it gives ends the connection.
    init(info: TransportInfo?, check: (() -> TransportFailure?)? = nil) {
        self.info = info
        self.check = check
    }

    /// The socket's, which comes before the handshake.
    func channelActive(context: ChannelHandlerContext) {}

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted(let alpn):
            guard !isUp else { return }
            if let failure = check?() {
                context.fireErrorCaught(failure)
                return
            }
            isUp = true
            info?.alpn = alpn ?? ""
            info?.allowsDirectCopy = RecordGate.find(in: context)?.isBelowTLS13 ?? false
            context.fireChannelActive()
        case TLSUserEvent.shutdownCompleted:
            break
        case ChannelEvent.inputClosed where isClosing:
            // The peer left without the farewell that the TLS handler waits for.
            context.triggerUserOutboundEvent(TransportAbort(), promise: nil)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if isUp {
            // Many peers end a stream by closing the socket: that is an end, and no reason to drop the other direction.
            if case NIOSSLError.uncleanShutdown = error { return }
            if error is NIOSSLCloseTimedOutError { return }
            context.fireErrorCaught(error)
        } else if error is TransportFailure {
            context.fireErrorCaught(error)
        } else {
            context.fireErrorCaught(TransportFailure("TLS handshake failed", TLSSettings.text(of: error)))
        }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode == .all { isClosing = true }
        context.close(mode: mode, promise: promise)
    }
}
