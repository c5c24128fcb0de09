// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// The lowest handler of a layered transport: keeps a layer's `close` from losing what it wrote before, and closes at once
/// on ``TransportAbort``. Confined to its channel's event loop.
final class SocketFloor: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Set from the time when the output is asked to end until everything written before has left.
    private var outputEnd: EventLoopFuture<Void>?

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard event is TransportAbort else {
            context.triggerUserOutboundEvent(event, promise: promise)
            return
        }
        outputEnd = nil
        context.close(mode: .all, promise: promise)
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
                context.close(mode: .all, promise: promise)
                return
            }
            outputEnd.assumeIsolated().whenComplete { _ in context.close(mode: .all, promise: promise) }
        }
    }
}
