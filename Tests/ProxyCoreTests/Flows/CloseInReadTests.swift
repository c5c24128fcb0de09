// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOPosix
import ProxyModel
import TestSupport
import Testing

@testable import ProxyCore

/// A channel that is closed while it tells that the end of its input was read.
@Suite struct CloseInReadTests {
    @Test func aLayerMayCloseItsSocketWhenTheEndOfItsInputWasRead() async throws {
        let server = try await Server { channel in
            try channel.pipeline.syncOperations.addHandlers(SocketFloor(), ClosesAtTheEnd())
        }
        try await offPool {
            let client = try TCPClient(port: server.port)
            try client.send([1, 2, 3, 4])
            client.endOutput()
            #expect(try client.receive() == [])
        }
        try await server.stop()
    }

    @Test func aStreamWhoseOtherEndBreaksWhenTheEndOfItsInputWasReadIsClosed() async throws {
        let ends = Ends()
        let server = try await Server { channel in try ends.add(channel) }
        try await offPool {
            let client = try TCPClient(port: server.port)
            #expect(try client.receive(exactly: 1) == [0])
            let far = try TCPClient(port: server.port)
            try far.send([1, 2, 3, 4])
            far.endOutput()
            #expect(try client.receive(exactly: 4) == [1, 2, 3, 4])
            #expect(try far.receive() == [])
            #expect(throws: (any Error).self) { if try client.receive().isEmpty { throw Failure("closed") } }
        }
        try await server.stop()
    }
}

/// One loop's worth of accepted connections, which are set up as the core's are.
private struct Server {
    private let channel: any Channel
    var port: UInt16 { UInt16(channel.localAddress?.port ?? 0) }

    init(_ setUp: @escaping @Sendable (any Channel) throws -> Void) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        channel = try await ServerBootstrap(group: loop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try StreamSockets.prepare(channel)
                    try setUp(channel)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    func stop() async throws { try await channel.close() }
}

/// Closes when a read is complete that has brought nothing.
private final class ClosesAtTheEnd: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var hasRead = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { hasRead = true }

    func channelReadComplete(context: ChannelHandlerContext) {
        if !hasRead { context.close(promise: nil) }
        hasRead = false
    }
}

/// Breaks an end at a flush that brings nothing.
private final class BreaksAtTheEnd: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    weak var end: StreamEnd?
    private var hasWritten = false

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        hasWritten = true
        context.write(data, promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        if !hasWritten { end?.abort() }
        hasWritten = false
        context.flush()
    }
}

/// Relays between the first connection, which is a client's, and the second.
private final class Ends: @unchecked Sendable {  // confined to the server's loop
    private var loop: LoopContext?
    private var inbound: StreamEnd?

    func add(_ channel: any Channel) throws {
        let loop = self.loop ?? LoopContext(eventLoop: channel.eventLoop)
        self.loop = loop
        let end = StreamEnd(
            direction: inbound == nil ? .inbound : .outbound, loop: loop, readCounter: nil, writeCounter: nil)
        end.below = .socket
        if let inbound {
            end.onActive = { end, _ in
                let session = Session(
                    logID: 1, inboundTag: "in", inboundProtocol: "vless", fromRemoteUser: false, source: .unspecified,
                    local: .unspecified, user: nil, level: 0,
                    target: Destination(network: .tcp, address: .ip(.loopbackV4), port: 1))
                let flow = Flow(
                    id: 1, session: session, outboundTag: "out", policy: LevelPolicy(), idleLimit: .seconds(60),
                    now: loop.now,
                    uplinkCounter: nil, downlinkCounter: nil, onlineMap: nil)
                StreamEnd.join(
                    inbound: inbound, outbound: end, flow: flow, inboundCodec: nil, outboundCodec: nil,
                    responseHeader: nil)
            }
        } else {
            inbound = end
            end.onActive = { end, _ in end.send(ByteBuffer(bytes: [0])) }
            let breaks = BreaksAtTheEnd()
            breaks.end = end
            try channel.pipeline.syncOperations.addHandler(breaks)
        }
        try channel.pipeline.syncOperations.addHandler(end)
    }
}
