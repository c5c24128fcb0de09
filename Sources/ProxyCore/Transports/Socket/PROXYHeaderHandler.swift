// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Takes the PROXY header off the front of a connection, then takes itself out. A connection without one is refused.
/// Confined to its channel's event loop.
final class PROXYHeaderHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let info: TransportInfo
    private var received = ByteBuffer()
    private var isDone = false

    init(info: TransportInfo) {
        self.info = info
    }

    /// The layers above begin behind the header.
    func channelActive(context: ChannelHandlerContext) {}

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDone else { return }
        var part = unwrapInboundIn(data)
        received.writeBuffer(&part)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard !isDone else { return }
        switch PROXYHeader.read(&received) {
        case .needMore:
            context.fireChannelReadComplete()
        case .invalid:
            isDone = true
            context.fireErrorCaught(TransportFailure("no PROXY header"))
        case .header(let addresses):
            isDone = true
            if let addresses {
                info.source = addresses.source
                info.local = addresses.local
            }
            context.fireChannelActive()
            if received.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(received)) }
            context.fireChannelReadComplete()
            context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        }
    }
}
