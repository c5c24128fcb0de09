// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import GRPCWire

/// Calls that a server has not looked at are made once more (gRPC's transparent retry).
struct RefusedStreamTests {
    /// What the server does with the calls that come, in their order; those that follow are answered.
    enum Answer: Sendable {
        /// Resets the stream with REFUSED_STREAM.
        case refuse
        /// Says with GOAWAY that it has taken no stream at all, and closes.
        case goAway
        /// Sends headers, then refuses.
        case headersThenRefuse
        /// Sends the request back.
        case echo
    }

    /// Plays `answers` on 127.0.0.1 to a client, and gives how many calls came on each connection.
    private func play(
        _ answers: [Answer], _ body: @Sendable (GRPCClient) async throws -> Void
    ) async throws -> [Int] {
        let script = Script(answers)
        let group = MultiThreadedEventLoopGroup.singleton
        let listener = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Player(script)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(listener.localAddress?.port)
        let client = GRPCClient(address: .tcp(host: "127.0.0.1", port: port), group: group)
        do {
            try await body(client)
        } catch {
            await client.close()
            try await listener.close()
            throw error
        }
        await client.close()
        try await listener.close()
        return script.calls
    }

    @Test(.timeLimit(.minutes(5)), arguments: [(Answer.refuse, [2]), (.goAway, [1, 1])])
    func aRefusedCallIsMadeOnceMore(_ answer: Answer, calls: [Int]) async throws {
        let made = try await play([answer]) { client in
            let reply = try await client.unary("/a.B/C", ByteBuffer(string: "hello"))
            #expect(reply == ByteBuffer(string: "hello"))
        }
        #expect(made == calls)
    }

    @Test(.timeLimit(.minutes(5)))
    func aCallThatIsRefusedTwiceFails() async throws {
        let made = try await play([.refuse, .refuse]) { client in
            let error = await #expect(throws: GRPCStatus.self) { try await client.unary("/a.B/C", ByteBuffer()) }
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains("REFUSED_STREAM") == true)
        }
        #expect(made == [2])
    }

    @Test(.timeLimit(.minutes(5)))
    func aCallThatTheServerHasBegunToAnswerIsNotRepeated() async throws {
        let made = try await play([.headersThenRefuse]) { client in
            await #expect(throws: GRPCStatus.self) { try await client.unary("/a.B/C", ByteBuffer()) }
        }
        #expect(made == [1])
    }

    @Test(.timeLimit(.minutes(5)))
    func allMessagesOfAStreamAreSentAgain() async throws {
        _ = try await play([.goAway]) { client in
            let (requests, responses) = client.streaming("/a.B/C")
            try await requests.write(ByteBuffer(string: "one"))
            try await requests.write(ByteBuffer(string: "two"))
            requests.finish()
            var received: [String] = []
            for try await message in responses { received.append(String(buffer: message)) }
            #expect(received == ["one", "two"])
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func aRequestThatIsTooLongToBeKeptIsNotRepeated() async throws {
        let made = try await play([.refuse]) { client in
            let request = ByteBuffer(repeating: 7, count: ClientCall.replayLimit + 1)
            let error = await #expect(throws: GRPCStatus.self) { try await client.unary("/a.B/C", request) }
            #expect(error?.code == .unavailable)
        }
        #expect(made == [1])
    }
}

/// What the connections of one server do, one call after the other.
private final class Script: Sendable {
    private struct State {
        var answers: [RefusedStreamTests.Answer]
        var calls: [Int] = []
    }

    private let state: Mutex<State>

    init(_ answers: [RefusedStreamTests.Answer]) { state = Mutex(State(answers: answers)) }

    var calls: [Int] { state.withLock { $0.calls } }

    func connected() -> Int {
        state.withLock { state in
            state.calls.append(0)
            return state.calls.count - 1
        }
    }

    func next(on connection: Int) -> RefusedStreamTests.Answer {
        state.withLock { state in
            state.calls[connection] += 1
            return state.answers.isEmpty ? .echo : state.answers.removeFirst()
        }
    }
}

/// A server's side of HTTP/2 as far as the tests need it: frames are looked at, header blocks are not.
private final class Player: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let script: Script
    private var connection = 0
    private var received = ByteBuffer()
    private var hasPreface = false
    private var isClosed = false
    private var bodies: [UInt32: (answer: RefusedStreamTests.Answer, bytes: [UInt8])] = [:]

    init(_ script: Script) { self.script = script }

    func channelActive(context: ChannelHandlerContext) {
        connection = script.connected()
        send(EmbeddedServer.frame(type: 4, stream: 0), context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        received.writeBuffer(&part)
        if !hasPreface {
            guard received.readableBytes >= 24 else { return }
            received.moveReaderIndex(forwardBy: 24)
            hasPreface = true
        }
        while !isClosed, let head = received.getBytes(at: received.readerIndex, length: 9) {
            let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
            guard received.readableBytes >= 9 + length else { return }
            received.moveReaderIndex(forwardBy: 9)
            let payload = received.readBytes(length: length) ?? []
            let stream = head[5...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            frame(type: head[3], flags: head[4], stream: stream, payload, context)
        }
    }

    private func frame(type: UInt8, flags: UInt8, stream: UInt32, _ payload: [UInt8], _ context: ChannelHandlerContext)
    {
        switch type {
        case 0: bodies[stream]?.bytes += payload
        case 1:
            let answer = script.next(on: connection)
            bodies[stream] = (answer, [])
            switch answer {
            case .refuse: refuse(stream, context)
            case .goAway:
                isClosed = true
                send(EmbeddedServer.frame(type: 7, stream: 0, [UInt8](repeating: 0, count: 8)), context)
                context.close(promise: nil)
            case .headersThenRefuse:
                send(Self.headers(stream), context)
                refuse(stream, context)
            case .echo: break
            }
        case 4 where flags & 1 == 0: send(EmbeddedServer.frame(type: 4, flags: 1, stream: 0), context)
        default: break
        }
        guard type <= 1, flags & 1 != 0, case (.echo, let bytes)? = bodies[stream] else { return }
        send(Self.headers(stream) + EmbeddedServer.frame(type: 0, stream: Int32(stream), bytes), context)
        let trailers = [0x00, 11] + Array("grpc-status".utf8) + [1, UInt8(ascii: "0")]
        send(EmbeddedServer.frame(type: 1, flags: 5, stream: Int32(stream), trailers), context)
    }

    private func refuse(_ stream: UInt32, _ context: ChannelHandlerContext) {
        send(EmbeddedServer.frame(type: 3, stream: Int32(stream), [0, 0, 0, 7]), context)
    }

    private static func headers(_ stream: UInt32) -> [UInt8] {
        EmbeddedServer.frame(
            type: 1, flags: 4, stream: Int32(stream), [0x88, 0x0f, 0x10, 16] + Array("application/grpc".utf8))
    }

    private func send(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }
}
