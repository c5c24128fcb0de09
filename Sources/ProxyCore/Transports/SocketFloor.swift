// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// The lowest handler of a layered transport: keeps a layer's `close` from losing what it wrote before, and closes at once
/// on ``TransportAbort``. Confined to its channel's event loop.
final class SocketFloor: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Set from the time when the output is asked to end until everything written before has left.
    private var outputEnd: EventLoopFuture<Void>?
    private var isCompletingRead = false

    func channelReadComplete(context: ChannelHandlerContext) {
        isCompletingRead = true
        context.fireChannelReadComplete()
        isCompletingRead = false
    }

    /// Not inside `channelReadComplete`: when that comes with the end of the socket's input, SwiftNIO goes on to close the input of
    /// what it takes to be open still, and stops a debug build.
    private func closeSocket(_ context: ChannelHandlerContext, promise: EventLoopPromise<Void>?) {
        if isCompletingRead {
            context.eventLoop.assumeIsolated().execute { context.close(mode: .all, promise: promise) }
        } else {
            context.close(mode: .all, promise: promise)
        }
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard event is TransportAbort else {
            context.triggerUserOutboundEvent(event, promise: promise)
            return
        }
        outputEnd = nil
        closeSocket(context, promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch mode {
        case .input:
            context.close(mode: .input, promise: promise)
        case .output:
            let isOut = context.eventLoop.makePromise(of: Void.self)
            outputEnd = isOut.futureResult
            isOut.futureResult.assumeIsolated().whenComplete { [weak self] result in
                self?.outputEnd = nil
                promise?.completeWith(result)
            }
            context.close(mode: .output, promise: isOut)
        case .all:
            guard let outputEnd else {
                closeSocket(context, promise: promise)
                return
            }
            outputEnd.assumeIsolated().whenComplete { [self] _ in closeSocket(context, promise: promise) }
        }
    }
}
