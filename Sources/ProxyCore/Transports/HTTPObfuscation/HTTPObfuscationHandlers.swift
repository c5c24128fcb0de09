// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Takes the request off the front of what a client sends, and puts the response in front of the first bytes for it, then
/// takes itself out. Who gets no bytes gets a refusal, as in the original. Confined to its channel's event loop.
final class HTTPObfuscationServerHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        /// The layers below are not up.
        case idle
        case reading
        case refused
        case open
        case left
    }

    private let plan: HTTPObfuscationServerPlan
    private var phase = Phase.idle
    private var head = ObfuscationHeadReader()
    private var verdict = HTTPObfuscationServerPlan.Verdict.badRequest
    private var hasAnswered = false

    init(plan: HTTPObfuscationServerPlan) {
        self.plan = plan
    }

    func channelActive(context: ChannelHandlerContext) {
        phase = .reading
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch phase {
        case .open, .left: context.fireChannelRead(data)
        case .reading: read(unwrapInboundIn(data), context)
        case .idle, .refused: break
        }
    }

    private func read(_ part: ByteBuffer, _ context: ChannelHandlerContext) {
        switch head.read(part) {
        case .needMore:
            guard plan.canBegin(with: head.received.readableBytesView) else { return refuse(.badRequest, context) }
        case .tooLong:
            refuse(.badRequest, because: "HTTP request header too long", context)
        case .head(let head, let rest):
            let verdict = plan.verdict(on: head)
            guard verdict == .welcome else { return refuse(verdict, context) }
            context.fireChannelActive()
            if rest.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(rest)) }
            phase = .open
            leaveWhenDone(context)
        }
    }

    private func refuse(
        _ verdict: HTTPObfuscationServerPlan.Verdict, because reason: String? = nil, _ context: ChannelHandlerContext
    ) {
        phase = .refused
        self.verdict = verdict
        let failure =
            if case .notFound(let path) = verdict {
                TransportFailure("HTTP path unknown", path)
            } else {
                TransportFailure(reason ?? "not an HTTP request")
            }
        context.fireErrorCaught(failure)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if !hasAnswered, unwrapOutboundIn(data).readableBytes > 0 {
            hasAnswered = true
            context.write(wrapOutboundOut(plan.answer()), promise: nil)
        }
        context.write(data, promise: promise)
    }

    /// Not in `write`: a `writeAndFlush` from above would find no way on for its second half.
    func flush(context: ChannelHandlerContext) {
        context.flush()
        leaveWhenDone(context)
    }

    private func leaveWhenDone(_ context: ChannelHandlerContext) {
        guard phase == .open, hasAnswered else { return }
        phase = .left
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode != .input { answerAtLast(context) }
        context.close(mode: mode, promise: promise)
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        if event is TransportAbort { answerAtLast(context) }
        context.triggerUserOutboundEvent(event, promise: promise)
    }

    private func answerAtLast(_ context: ChannelHandlerContext) {
        guard !hasAnswered, phase != .idle else { return }
        hasAnswered = true
        context.writeAndFlush(wrapOutboundOut(HTTPObfuscationServerPlan.refusal(verdict)), promise: nil)
    }
}

/// Puts a request in front of what is sent to a server, takes the response off the front of what it sends, whatever is in
/// there, and then itself out. Confined to its channel's event loop.
final class HTTPObfuscationClientHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let plan: HTTPObfuscationClientPlan
    private var head = ObfuscationHeadReader()
    private var isBroken = false

    init(plan: HTTPObfuscationClientPlan) {
        self.plan = plan
    }

    func channelActive(context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(plan.request()), promise: nil)
        context.fireChannelActive()
        // The protocol has sent its first bytes along; where it waits for the server's, that one waits for the request.
        context.eventLoop.assumeIsolated().execute { context.flush() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isBroken else { return }
        switch head.read(unwrapInboundIn(data)) {
        case .needMore:
            break
        case .tooLong:
            isBroken = true
            context.fireErrorCaught(TransportFailure("HTTP response header too long"))
        case .head(_, let rest):
            if rest.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(rest)) }
            context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        }
    }
}
