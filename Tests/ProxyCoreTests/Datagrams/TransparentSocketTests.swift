// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOPosix
import ProxyModel
import TestSupport
import Testing
import XrayProtos

@testable import ProxyCore

/// What takes no rules of the kernel's; the rest is tested in network namespaces.
@Suite(.enabled(if: Privilege.isThere, "needs CAP_NET_ADMIN"))
struct TransparentSocketTests {
    private func reading(port: UInt16 = 0) throws -> TransparentSocket {
        try TransparentSocket(Endpoint(ip: .loopbackV4, port: port), SocketPlan(), .reading(sharesPort: false))
    }

    private func next(_ socket: TransparentSocket) throws -> TransparentSocket.Datagram? {
        try withUnsafeTemporaryAllocation(byteCount: 2_000, alignment: 16) { room in
            try socket.receive(in: room, ByteBufferAllocator())
        }
    }

    @Test func datagramComesWithBothItsEnds() async throws {
        let socket = try reading()
        #expect(try next(socket) == nil, "it does not wait")
        let port = UInt16(try #require(socket.localAddress?.port))
        let sender = try UDPSocket()
        try await offPool { try sender.send([1, 2, 3], to: port) }
        let datagram = try #require(try next(socket))
        #expect(datagram.payload == ByteBuffer(bytes: [1, 2, 3]))
        #expect(datagram.source == Endpoint(ip: .loopbackV4, port: sender.port))
        #expect(datagram.target == Endpoint(ip: .loopbackV4, port: port))
    }

    @Test func aPortHasOneReaderUntilItIsReleased() throws {
        let socket = try reading()
        let port = UInt16(try #require(socket.localAddress?.port))
        #expect(throws: IOError.self) { try reading(port: port) }
        socket.release()
        _ = try reading(port: port)
        #expect(socket.localAddress == nil)
    }

    @Test func answersComeFromTheirTargetsAndTheLeastRecentSocketGoes() async throws {
        let loop = LoopContext(eventLoop: MultiThreadedEventLoopGroup.singleton.any())
        let client = try UDPSocket()
        let ports = (0..<3).compactMap { _ in try? TCPClient.freePort() }
        try await loop.eventLoop.submit {
            let sockets = TargetSockets(loop: loop, options: SocketPlan(), limit: 2) { target, error in
                Issue.record("\(target): \(error)")
            }
            for port in ports {
                // 127.9.9.9 is nobody's own address there.
                let peer = Destination(network: .udp, address: .ip(.v4(0x7f09_0909)), port: port)
                sockets.send(
                    ByteBuffer(bytes: [1]), from: peer, to: Endpoint(ip: .loopbackV4, port: client.port),
                    SocketAddress(.loopbackV4, port: client.port))
            }
            #expect(sockets.count == 2)
            sockets.close()
            #expect(sockets.count == 0)
        }.get()
        let seen = try await offPool { try ports.map { _ in try client.receive().port } }
        #expect(seen == ports)
    }
}

private enum Privilege {
    static let isThere =
        (try? TransparentSocket(Endpoint(ip: .loopbackV4, port: 0), SocketPlan(), .answering)) != nil
}
