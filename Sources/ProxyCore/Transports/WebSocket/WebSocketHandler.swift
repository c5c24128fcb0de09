// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel

/// One side of a WebSocket connection: the opening handshake, then frames below and bytes above. Confined to its channel's
/// event loop.
///
/// WebSocket has no half-closure: a peer that is sent a close frame sends nothing any more. So the end of our output is told
/// to the peer only when its own has come, or when the connection closes.
final class WebSocketHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Side {
        case server(WebSocketServerPlan, TransportInfo)
        case client(WebSocketClientPlan, Destination, key: String)
    }

    private enum Phase {
        case idle
        /// A client whose request waits for the first bytes that are written.
        case waiting
        /// Waiting for the peer's head.
        case opening
        case open
        /// The peer has sent its close frame.
        case ended
        case closed
    }

    private let side: Side
    private var frames: WebSocketFrames
    private var phase = Phase.idle
    private var received: ByteBuffer?
    private var scanned = 0
    /// Written while the client may not send frames yet.
    private var unsent: [(ByteBuffer, EventLoopPromise<Void>?)] = []
    private var heartbeat: RepeatedTask?
    private var sentClose = false
    private var didFlushControl = false

    init(server plan: WebSocketServerPlan, info: TransportInfo) {
        side = .server(plan, info)
        frames = WebSocketFrames(role: .server)
    }

    init(client plan: WebSocketClientPlan, target: Destination) {
        side = .client(plan, target, key: WebSocketClientPlan.makeKey())
        frames = WebSocketFrames(role: .client)
    }

    // MARK: Opening

    func channelActive(context: ChannelHandlerContext) {
        guard case .client(let plan, _, _) = side else {
            phase = .opening
            return
        }
        if plan.earlyBytes > 0 {
            phase = .waiting
            context.fireChannelActive()
        } else {
            sendRequest(early: nil, context)
        }
    }

    private func sendRequest(early: ByteBuffer?, _ context: ChannelHandlerContext) {
        guard case .client(let plan, let target, let key) = side else { return }
        phase = .opening
        context.writeAndFlush(wrapOutboundOut(plan.request(to: target, key: key, early: early)), promise: nil)
    }

    /// The first flush of a client with early data: what was written goes with the request if there is room for it.
    private func sendRequestWithEarlyData(_ context: ChannelHandlerContext) {
        guard case .client(let plan, _, _) = side, !unsent.isEmpty else { return }
        let count = unsent.reduce(0) { $0 + $1.0.readableBytes }
        guard count > 0, count <= plan.earlyBytes else {
            sendRequest(early: nil, context)
            context.fireUserInboundEventTriggered(TransportWritability.blocked)
            return
        }
        var early = ByteBuffer()
        let writes = unsent
        unsent = []
        for (buffer, _) in writes { early.writeImmutableBuffer(buffer) }
        sendRequest(early: early, context)
        for (_, promise) in writes { promise?.succeed() }
        context.fireUserInboundEventTriggered(TransportWritability.blocked)
    }

    private func readHead(_ buffer: inout ByteBuffer, _ context: ChannelHandlerContext) {
        let limit = WebSocketServerPlan.headLimit
        let outcome = UpgradeHead.read(&buffer, limit: limit, scanned: &scanned)
        switch (side, outcome) {
        case (_, .needMore):
            break
        case (.server, .invalid):
            refuse(UpgradeMessages.badRequest, TransportFailure("not a WebSocket request"), context)
        case (.server, .tooLarge):
            refuse(UpgradeMessages.tooLarge, TransportFailure("WebSocket request too large"), context)
        case (.server(let plan, let info), .head(let head)):
            switch plan.answer(head) {
            case .welcome(let reply, let early):
                if let source = head.source(from: info.source, trusting: plan.forwarders) { info.source = source }
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: reply)), promise: nil)
                open(heartbeat: plan.heartbeat, context)
                context.fireChannelActive()
                if let early, phase == .open { context.fireChannelRead(wrapInboundOut(early)) }
            case .notFound:
                let asked = "\(head["host"] ?? "")\(head.path ?? "")"
                refuse(UpgradeMessages.notFound, TransportFailure("WebSocket path or host unknown", asked), context)
            case .notWebSocket:
                refuse(UpgradeMessages.badRequest, TransportFailure("not a WebSocket request"), context)
            }
        case (.client, .invalid), (.client, .tooLarge):
            fail(TransportFailure("WebSocket failed", "the server does not speak HTTP"), context)
        case (.client(let plan, _, let key), .head(let head)):
            if let fault = plan.fault(of: head, key: key) {
                fail(TransportFailure("WebSocket failed", "the server answered \(fault)"), context)
                return
            }
            let isLate = plan.earlyBytes > 0
            open(heartbeat: plan.heartbeat, context)
            if isLate {
                let writes = unsent
                unsent = []
                for (buffer, promise) in writes { send(buffer, promise, context) }
                context.flush()
                context.fireUserInboundEventTriggered(TransportWritability.free)
            } else {
                context.fireChannelActive()
            }
        }
    }

    private func open(heartbeat: TimeAmount?, _ context: ChannelHandlerContext) {
        phase = .open
        guard let heartbeat else { return }
        // Cancelled when the connection ends, so that the handler does not outlive it.
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        self.heartbeat = context.eventLoop.scheduleRepeatedTask(initialDelay: heartbeat, delay: heartbeat) { _ in
            let (handler, context) = bound.value
            handler.beat(context)
        }
    }

    private func beat(_ context: ChannelHandlerContext) {
        guard phase == .open, !sentClose else { return }
        context.writeAndFlush(wrapOutboundOut(frames.ping(allocator: context.channel.allocator)), promise: nil)
    }

    private func refuse(_ reply: ByteBuffer, _ failure: TransportFailure, _ context: ChannelHandlerContext) {
        phase = .closed
        context.writeAndFlush(wrapOutboundOut(reply), promise: nil)
        context.fireErrorCaught(failure)
    }

    private func fail(_ failure: TransportFailure, _ context: ChannelHandlerContext) {
        phase = .closed
        context.fireErrorCaught(failure)
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        if var earlier = received {
            received = nil
            earlier.writeBuffer(&buffer)
            buffer = earlier
        }
        if phase == .opening { readHead(&buffer, context) }
        if phase == .open { readFrames(&buffer, context) }
        switch phase {
        case .ended, .closed: break
        case .idle, .waiting, .opening, .open:
            guard buffer.readableBytes > 0 else { return }
            // A few bytes of a frame's head, which are not worth the whole receive buffer that they stand in.
            var rest = context.channel.allocator.buffer(capacity: buffer.readableBytes)
            rest.writeBuffer(&buffer)
            received = rest
        }
    }

    private func readFrames(_ buffer: inout ByteBuffer, _ context: ChannelHandlerContext) {
        do {
            while phase == .open, let event = try frames.next(&buffer) {
                switch event {
                case .data(let data):
                    context.fireChannelRead(wrapInboundOut(data))
                case .ping(let payload):
                    // A peer that asks and does not read the answers gets none (RFC 6455 section 5.5.3 allows that).
                    guard !sentClose, context.channel.isWritable else { break }
                    let pong = frames.pong(payload, allocator: context.channel.allocator)
                    context.write(wrapOutboundOut(pong), promise: nil)
                    didFlushControl = true
                case .pong:
                    break
                case .close:
                    phase = .ended
                    context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
                }
            }
        } catch {
            phase = .closed
            context.fireErrorCaught(TransportFailure("WebSocket broken", error.description))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if didFlushControl {
            didFlushControl = false
            context.flush()
        }
        context.fireChannelReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // The end of the socket's input behind a close frame was told already.
        if case .inputClosed? = event as? ChannelEvent, phase == .ended { return }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: Writing

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let buffer = unwrapOutboundIn(data)
        switch phase {
        case .open, .ended: send(buffer, promise, context)
        case .idle, .waiting, .opening: unsent.append((buffer, promise))
        case .closed: promise?.fail(ChannelError.ioOnClosedChannel)
        }
    }

    private func send(_ buffer: ByteBuffer, _ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext) {
        guard buffer.readableBytes > 0 else {
            // Stands for everything before it.
            context.write(wrapOutboundOut(buffer), promise: promise)
            return
        }
        let (head, rest) = frames.data(buffer, allocator: context.channel.allocator)
        guard let rest else {
            context.write(wrapOutboundOut(head), promise: promise)
            return
        }
        context.write(wrapOutboundOut(head), promise: nil)
        context.write(wrapOutboundOut(rest), promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        if phase == .waiting { sendRequestWithEarlyData(context) } else { context.flush() }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch (mode, phase) {
        case (.input, _):
            context.close(mode: .input, promise: promise)
        case (.output, .idle), (.output, .waiting), (.output, .opening):
            // Behind what waits to be sent; a request that waits for the first bytes waits no more.
            unsent.append((ByteBuffer(), promise))
            if phase == .waiting { sendRequestWithEarlyData(context) }
        case (.output, .open):
            // The peer learns of it when it ends its own stream; see above.
            context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: promise)
        case (.output, .ended), (.all, .open), (.all, .ended):
            sayGoodBye(context, promise)
        case (.output, _), (.all, _):
            context.close(mode: mode, promise: promise)
        }
    }

    private func sayGoodBye(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        guard !sentClose else {
            context.close(mode: .all, promise: promise)
            return
        }
        sentClose = true
        let isOut = context.eventLoop.makePromise(of: Void.self)
        isOut.futureResult.assumeIsolated().whenComplete { _ in context.close(mode: .all, promise: promise) }
        context.writeAndFlush(wrapOutboundOut(frames.close(allocator: context.channel.allocator)), promise: isOut)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
    }

    private func end() {
        phase = .closed
        heartbeat?.cancel()
        heartbeat = nil
        received = nil
        let writes = unsent
        unsent = []
        for (_, promise) in writes { promise?.fail(ChannelError.ioOnClosedChannel) }
    }
}
