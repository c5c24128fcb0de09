// SPDX-License-Identifier: Apache-2.0
import Glibc
import NIOCore
import NIOPosix

/// How all UDP sockets of the data path are set up.
enum UDPSockets {
    /// Binds a socket whose datagrams go to `receive`, on the event loop.
    static func bind(
        to address: SocketAddress, _ options: SocketPlan, on loop: LoopContext, sharesPort: Bool = false,
        reads: Bool = true,
        receive: @escaping (ByteBuffer, SocketAddress) -> Void
    ) -> EventLoopFuture<any Channel> {
        let receiver = DatagramReceiver(loop, receive)
        return DatagramBootstrap(group: loop.eventLoop)
            .channelOption(.recvAllocator, value: receiver)
            // The socket keeps as many receive buffers as this allows, beginning with the first one that it is given.
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.socketOption(.so_reuseaddr), value: 0)
            .channelOption(InboundListener.sharedPort, value: sharesPort ? 1 : 0)
            .channelOption(.autoRead, value: reads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try options.applyToDatagrams(on: channel)
                    try channel.pipeline.syncOperations.addHandler(receiver)
                }
            }
            .bind(to: address)
    }
}

/// The handler of a UDP socket, and what gives it buffers to receive into. Confined to its event loop.
private final class DatagramReceiver: ChannelInboundHandler, RecvByteBufferAllocator,
    @unchecked Sendable  // see above
{
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    /// From so many datagrams on between two ticks of the loop, several are received at a time; what that needs is some 6 KB more.
    private static let busy = 32
    /// How much memory waits in the queue of received datagrams, of which each takes more than its length. (socket(7), SO_MEMINFO)
    private static let queued = ChannelOptions.Types.SocketOption(
        level: .socket, name: .init(rawValue: SO_MEMINFO))

    private let loop: LoopContext
    private var receive: ((ByteBuffer, SocketAddress) -> Void)?
    private var context: ChannelHandlerContext?
    private var hasFirstBuffer = false
    private var hasReceived = false
    private var readsSeveral = false
    private var count = 0
    private var countedSince = NIODeadline.distantPast

    init(_ loop: LoopContext, _ receive: @escaping (ByteBuffer, SocketAddress) -> Void) {
        self.loop = loop
        self.receive = receive
    }

    // MARK: Buffers

    /// SwiftNIO keeps the first buffer for the socket's life, and gives it back no more: it is made for what waits just now.
    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        guard !hasFirstBuffer else { return loop.datagrams.takeBuffer() }
        hasFirstBuffer = true
        // Two numbers of four bytes, of which the first is meant.
        let answer = try? context?.channel.syncOptions?.getOption(Self.queued)
        let waiting = Int(UInt32(truncatingIfNeeded: answer ?? 0))
        let isKnown = waiting > 0 && waiting < DatagramIO.largestDatagram
        return allocator.buffer(capacity: isKnown ? waiting : DatagramIO.largestDatagram)
    }

    /// What waited may have been a datagram with a wrong checksum, which is not received: the first buffer then grows before it is
    /// used once more.
    func nextBufferSize() -> Int? { hasReceived ? nil : DatagramIO.largestDatagram }

    /// "May grow" keeps SwiftNIO from using the first buffer again.
    func record(actualReadBytes: Int) -> Bool {
        hasReceived = true
        return true
    }

    // MARK: Handler

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        if !readsSeveral { lookAtPace(context) }
        let payload = context.channel.allocator.buffer(buffer: envelope.data)
        if envelope.data.storageCapacity > DatagramIO.largestDatagram { loop.datagrams.giveBack(envelope.data) }
        receive?(payload, envelope.remoteAddress)
    }

    private func lookAtPace(_ context: ChannelHandlerContext) {
        if countedSince != loop.now {
            countedSince = loop.now
            count = 0
        }
        count += 1
        guard count >= Self.busy else { return }
        readsSeveral = true
        try? context.channel.syncOptions?.setOption(
            .datagramVectorReadMessageCount, value: DatagramIO.datagramsPerRead)
    }

    /// ICMP errors and the like concern one datagram, not the socket. After an error of sending the channel closes, which its
    /// owner learns from `closeFuture`.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}

    func channelInactive(context: ChannelHandlerContext) {
        receive = nil
        context.fireChannelInactive()
    }
}
