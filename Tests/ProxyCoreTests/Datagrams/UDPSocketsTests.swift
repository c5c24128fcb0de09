// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import ProxyCore

struct UDPSocketsTests {
    /// A bound socket, and what it has received.
    private final class Socket: @unchecked Sendable {  // the loop's context is used on its loop
        private final class Payloads: Sendable { let all = Mutex<[ByteBuffer]>([]) }

        let loop: LoopContext
        private(set) var channel: (any Channel)!
        private let payloads = Payloads()

        /// - Parameter reads: Otherwise what comes waits in the kernel until ``read()``.
        init(reads: Bool = true) async throws {
            let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
            loop = try await eventLoop.submit { LoopContext(eventLoop: eventLoop) }.get()
            let address = try SocketAddress(ipAddress: "127.0.0.1", port: 0)
            channel = try await UDPSockets.bind(to: address, SocketPlan(), on: loop, reads: reads) {
                [payloads] payload, _ in
                payloads.all.withLock { $0.append(payload) }
            }.get()
        }

        var port: UInt16 { UInt16(channel.localAddress?.port ?? 0) }
        var received: [[UInt8]] { payloads.all.withLock { $0.map { Array($0.readableBytesView) } } }
        var capacities: [Int] { payloads.all.withLock { $0.map(\.storageCapacity) } }

        func read() async throws { try await channel.setOption(.autoRead, value: true).get() }
    }

    private static func datagram(_ count: Int, _ first: Int = 0) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &+ first) }
    }

    @Test(arguments: [[1, 60_000, 0, 1_400, 65_507], [65_507, 1, 1], [0, 9_000], [100, 65_507]])
    func datagramsThatWaitAreReceivedWholeWhateverTheirLengths(sizes: [Int]) async throws {
        let socket = try await Socket(reads: false)
        let sender = try UDPSocket()
        let sent = sizes.map { Self.datagram($0) }
        try await offPool { for datagram in sent { try sender.send(datagram, to: socket.port) } }
        try await socket.read()
        try await eventually { socket.received.count == sent.count }
        #expect(socket.received == sent)
        try await socket.channel.close()
    }

    /// After the first of these rounds several are received with one call.
    @Test func datagramsOfABusySocketAreReceivedWholeAndInOrder() async throws {
        let socket = try await Socket()
        let sender = try UDPSocket()
        var sent: [[UInt8]] = []
        for round in 0..<6 {
            let more = (0..<40).map { Self.datagram($0 == 7 ? 65_507 : ($0 * 37 + round) % 1_500, $0) }
            try await offPool { for datagram in more { try sender.send(datagram, to: socket.port) } }
            sent += more
            try await eventually { [sent] in socket.received.count == sent.count }
        }
        #expect(socket.received == sent)
        #expect(
            try await socket.channel.getOption(.datagramVectorReadMessageCount).get() == DatagramIO.datagramsPerRead)
        try await socket.channel.close()
    }

    @Test func whatWasReceivedTakesItsOwnLength() async throws {
        let socket = try await Socket()
        let sender = try UDPSocket()
        for (index, count) in [40, 100, 1_200, 300].enumerated() {
            try sender.send(Self.datagram(count), to: socket.port)
            try await eventually { socket.received.count == index + 1 }
        }
        #expect(zip(socket.capacities, [40, 100, 1_200, 300]).allSatisfy { $0 < 2 * $1 })
        try await socket.channel.close()
    }

    @Test func aBufferIsSharedUnlessSomebodyKeepsAPieceOfIt() throws {
        let datagrams = DatagramIO(eventLoop: MultiThreadedEventLoopGroup.singleton.next())
        func place(_ buffer: ByteBuffer) -> UnsafeRawPointer? { buffer.withVeryUnsafeBytes { $0.baseAddress } }
        var first = datagrams.takeBuffer()
        let storage = place(first)
        first.writeString("datagram")
        let piece = try #require(first.getSlice(at: 4, length: 2))
        first = ByteBuffer()
        datagrams.giveBack(piece)
        let other = datagrams.takeBuffer()
        #expect(place(other) != storage, "the piece is still here")
        datagrams.giveBack(other)
        let again = place(other)
        _ = consume other
        var next = datagrams.takeBuffer()
        #expect(place(next) == again)
        #expect(next.readableBytes == 0)
        #expect(next.capacity == DatagramIO.datagramsPerRead * DatagramIO.largestDatagram)
        next.clear()
        #expect(Array(piece.readableBytesView) == Array("gr".utf8))
    }

    @Test func datagramsOfOneTurnLeaveInOrderToWhomTheyAreFor() async throws {
        let socket = try await Socket()
        let targets = try [UDPSocket(), UDPSocket()]
        let addresses = try targets.map { try SocketAddress(ipAddress: "127.0.0.1", port: Int($0.port)) }
        let sent = (0..<20).map { Self.datagram($0 * 61, $0) }
        try await socket.channel.eventLoop.submit {
            for (index, datagram) in sent.enumerated() {
                socket.loop.datagrams.send(ByteBuffer(bytes: datagram), to: addresses[index % 2], from: socket.channel)
            }
        }.get()
        for (index, target) in targets.enumerated() {
            let received = try await offPool { try (0..<10).map { _ in try target.receive().bytes } }
            #expect(received == sent.indices.filter { $0 % 2 == index }.map { sent[$0] })
        }
        try await socket.channel.close()
    }

    @Test func longestDatagramsOfOneTurnAllLeave() async throws {
        let socket = try await Socket()
        let target = try UDPSocket()
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: Int(target.port))
        let sent = (0..<3).map { Self.datagram(65_507, $0) }
        let receiver = Task { try await offPool { try (0..<3).map { _ in try target.receive().bytes } } }
        try await socket.channel.eventLoop.submit {
            for datagram in sent {
                socket.loop.datagrams.send(ByteBuffer(bytes: datagram), to: address, from: socket.channel)
            }
        }.get()
        #expect(try await receiver.value == sent)
        try await socket.channel.close()
    }
}
