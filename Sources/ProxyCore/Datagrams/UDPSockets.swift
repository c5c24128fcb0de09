// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOPosix

/// How all UDP sockets of the data path are set up.
enum UDPSockets {
    /// The largest datagram that UDP can carry; a smaller buffer would cut datagrams off.
    static let largestDatagram = 65_535

    /// Binds a socket whose datagrams go to `receive`, on the event loop.
    static func bind(
        to address: SocketAddress, _ options: SocketPlan, on eventLoop: any EventLoop, sharesPort: Bool = false,
        reads: Bool = true,
        receive: @escaping (ByteBuffer, SocketAddress) -> Void
    ) -> EventLoopFuture<any Channel> {
        let handler = NIOLoopBound(DatagramReceiver(receive), eventLoop: eventLoop)
        return DatagramBootstrap(group: eventLoop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: largestDatagram))
            .channelOption(.socketOption(.so_reuseaddr), value: 0)
            .channelOption(InboundListener.sharedPort, value: sharesPort ? 1 : 0)
            .channelOption(.autoRead, value: reads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try options.applyToDatagrams(on: channel)
                    try channel.pipeline.syncOperations.addHandler(handler.value)
                }
            }
            .bind(to: address)
    }
}

private final class DatagramReceiver: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private var receive: ((ByteBuffer, SocketAddress) -> Void)?

    init(_ receive: @escaping (ByteBuffer, SocketAddress) -> Void) {
        self.receive = receive
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        receive?(envelope.data, envelope.remoteAddress)
    }

    /// ICMP errors and the like concern one datagram, not the socket. After an error of sending the channel closes, which its
    /// owner learns from `closeFuture`.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}

    func channelInactive(context: ChannelHandlerContext) {
        receive = nil
        context.fireChannelInactive()
    }
}
