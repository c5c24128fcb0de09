// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel

/// Reads the request that opens an `httpupgrade` connection, answers, and takes itself out: what follows is the stream.
/// Confined to its channel's event loop.
final class HTTPUpgradeServerHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let plan: HTTPUpgradeServerPlan
    private let info: TransportInfo
    private var received = ByteBuffer()
    private var scanned = 0
    private var isDone = false

    init(plan: HTTPUpgradeServerPlan, info: TransportInfo) {
        self.plan = plan
        self.info = info
    }

    func channelActive(context: ChannelHandlerContext) {}

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDone else { return }
        var part = unwrapInboundIn(data)
        received.writeBuffer(&part)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard !isDone else { return }
        switch UpgradeHead.read(&received, limit: HTTPUpgradeServerPlan.headLimit, scanned: &scanned) {
        case .needMore:
            context.fireChannelReadComplete()
        case .invalid, .tooLarge:
            refuse(TransportFailure("not an HTTP upgrade request"), context)
        case .head(let head):
            guard let answer = plan.answer(head) else {
                refuse(TransportFailure("HTTP upgrade refused", "\(head["host"] ?? "") \(head.path ?? "")"), context)
                return
            }
            isDone = true
            if let source = head.source(from: info.source, trusting: plan.forwarders) { info.source = source }
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
            context.fireChannelActive()
            if received.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(received)) }
            context.fireChannelReadComplete()
            context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        }
    }

    /// As in the original, without an answer.
    private func refuse(_ failure: TransportFailure, _ context: ChannelHandlerContext) {
        isDone = true
        context.fireErrorCaught(failure)
    }
}

/// Sends the request that opens an `httpupgrade` connection, reads the answer, and takes itself out. Confined to its
/// channel's event loop.
final class HTTPUpgradeClientHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let plan: HTTPUpgradeClientPlan
    private let target: Destination
    private var received = ByteBuffer()
    private var scanned = 0
    private var isDone = false

    init(plan: HTTPUpgradeClientPlan, target: Destination) {
        self.plan = plan
        self.target = target
    }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(plan.request(to: target)), promise: nil)
        if plan.isImpatient { context.fireChannelActive() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDone else { return }
        var part = unwrapInboundIn(data)
        received.writeBuffer(&part)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard !isDone else { return }
        switch UpgradeHead.read(&received, limit: HTTPUpgradeServerPlan.headLimit, scanned: &scanned) {
        case .needMore:
            context.fireChannelReadComplete()
        case .invalid, .tooLarge:
            isDone = true
            context.fireErrorCaught(TransportFailure("HTTP upgrade failed", "the server does not speak HTTP"))
        case .head(let head):
            isDone = true
            if let fault = plan.fault(of: head) {
                context.fireErrorCaught(TransportFailure("HTTP upgrade failed", "the server answered \(fault)"))
                return
            }
            if !plan.isImpatient { context.fireChannelActive() }
            if received.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(received)) }
            context.fireChannelReadComplete()
            context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        }
    }
}
