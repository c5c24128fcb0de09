// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// What the UDP sockets of an event loop share: the buffer that they receive into, and the datagrams that leave together.
///
/// A socket that received into memory of its own would hold 64 KiB for each flow, because a datagram may be that long: 650 MB for
/// 10,000 flows. What comes is copied out, so what waits somewhere holds its own length. Confined to its event loop.
final class DatagramIO: @unchecked Sendable {  // confined to `eventLoop`
    /// The largest datagram that UDP can carry, rounded up; a smaller buffer would cut datagrams off.
    static let largestDatagram = 65_536
    /// Received with one system call at most. Of the shared buffer the kernel gives pages only where something was written.
    static let datagramsPerRead = 16

    private let eventLoop: any EventLoop
    private let allocator = ByteBufferAllocator()
    private var spare: ByteBuffer?
    /// Sockets with datagrams that wait for the end of the loop's turn.
    private var unflushed: [any Channel] = []

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// A buffer for ``datagramsPerRead`` datagrams of any length, which nobody else has.
    func takeBuffer() -> ByteBuffer {
        if var buffer = spare {
            spare = nil
            if buffer.modifyIfUniquelyOwned({ $0.clear() }) != nil { return buffer }
        }
        return allocator.buffer(capacity: Self.datagramsPerRead * Self.largestDatagram)
    }

    /// Gives a buffer, or a piece of it, back when what it holds is not needed any more.
    func giveBack(_ buffer: ByteBuffer) { spare = buffer }

    /// Sends a datagram at the end of the loop's turn, together with others from the same socket: a system call for all of them.
    /// One that finds the socket's queue full is lost, as any queue loses it.
    func send(_ data: ByteBuffer, to address: SocketAddress, from channel: any Channel) {
        guard channel.isWritable else { return }
        channel.write(AddressedEnvelope(remoteAddress: address, data: data), promise: nil)
        guard channel.isWritable else { return channel.flush() }
        if unflushed.isEmpty { eventLoop.assumeIsolated().execute { [self] in flush() } }
        if unflushed.last !== channel { unflushed.append(channel) }
    }

    private func flush() {
        let channels = unflushed
        unflushed.removeAll(keepingCapacity: true)
        for channel in channels { channel.flush() }
    }
}
