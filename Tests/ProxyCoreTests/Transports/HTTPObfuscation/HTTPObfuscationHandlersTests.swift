// SPDX-License-Identifier: Apache-2.0
import Foundation
import NIOCore
import NIOEmbedded
import Testing
import XrayProtos

@testable import ProxyCore

struct HTTPObfuscationHandlersTests {
    /// Keeps what the layer below it tells, and says `greeting` when that is up.
    private final class Top: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        var greeting: String?
        private(set) var isUp = false
        private(set) var received = ""
        private(set) var failure: TransportFailure?

        init(greeting: String? = nil) {
            self.greeting = greeting
        }

        func channelActive(context: ChannelHandlerContext) {
            isUp = true
            if let greeting { context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: greeting)), promise: nil) }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received += String(buffer: unwrapInboundIn(data))
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            failure = error as? TransportFailure
        }
    }

    private static let request = "GET /chat HTTP/1.1\r\nHost: h\r\n\r\n"
    private static let response = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n"

    private func server(_ top: Top) throws -> EmbeddedChannel {
        let plan = try HTTPObfuscationServerPlan(StreamSettings.httpHeader)
        return try up(HTTPObfuscationServerHandler(plan: plan), top)
    }

    private func client(_ top: Top) throws -> EmbeddedChannel {
        let plan = try HTTPObfuscationClientPlan(StreamSettings.httpHeader)
        return try up(HTTPObfuscationClientHandler(plan: plan), top)
    }

    private func up(_ layer: any ChannelHandler, _ top: Top) throws -> EmbeddedChannel {
        let channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.addHandlers([layer, top])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return channel
    }

    private func sent(_ channel: EmbeddedChannel) throws -> String {
        var all = ""
        while let part = try channel.readOutbound(as: ByteBuffer.self) { all += String(buffer: part) }
        return all
    }

    private func isGone(_ channel: EmbeddedChannel) -> Bool {
        let pipeline = channel.pipeline.syncOperations
        return (try? pipeline.handler(type: HTTPObfuscationServerHandler.self)) == nil
            && (try? pipeline.handler(type: HTTPObfuscationClientHandler.self)) == nil
    }

    @Test(arguments: [1, 7, .max]) func serverPassesWhatIsBehindTheRequestAndLeaves(_ piece: Int) throws {
        let top = Top()
        let channel = try server(top)
        #expect(!top.isUp)
        var bytes = Array("\(Self.request)payload".utf8)[...]
        while !bytes.isEmpty {
            try channel.writeInbound(ByteBuffer(bytes: bytes.prefix(piece)))
            bytes = bytes.dropFirst(piece)
        }
        #expect(top.isUp && top.received == "payload")
        #expect(try sent(channel) == "" && !isGone(channel))
        try channel.writeOutbound(ByteBuffer(string: "one"))
        try channel.writeOutbound(ByteBuffer(string: "two"))
        let answer = try sent(channel)
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.hasSuffix("\r\n\r\nonetwo"), "\(answer)")
        #expect(isGone(channel))
        try channel.writeInbound(ByteBuffer(string: " more"))
        #expect(top.received == "payload more")
    }

    @Test func serverThatSpeaksAtOnceLosesNothing() throws {
        let top = Top(greeting: "hello")
        let channel = try server(top)
        try channel.writeInbound(ByteBuffer(string: "\(Self.request)payload"))
        #expect(top.received == "payload" && isGone(channel))
        #expect(try sent(channel).hasSuffix("\r\n\r\nhello"))
    }

    @Test func endThatIsWrittenBehindNothingIsNoAnswer() throws {
        let channel = try server(Top())
        try channel.writeInbound(ByteBuffer(string: Self.request))
        try channel.writeOutbound(ByteBuffer())
        #expect(try sent(channel) == "")
    }

    @Test func clientThatGetsNoBytesIsRefusedOnceAtTheEnd() throws {
        let channel = try server(Top())
        try channel.writeInbound(ByteBuffer(string: "\(Self.request)garbage"))
        channel.close(mode: .output, promise: nil)
        channel.pipeline.triggerUserOutboundEvent(TransportAbort(), promise: nil)
        let answer = try sent(channel)
        #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
        #expect(answer.components(separatedBy: "HTTP/1.1").count == 2)
    }

    @Test func refusedRequestPassesNothingOn() throws {
        let top = Top()
        let channel = try server(top)
        try channel.writeInbound(ByteBuffer(string: "GET /other HTTP/1.1\r\n\r\npayload"))
        try channel.writeInbound(ByteBuffer(string: Self.request))
        #expect(!top.isUp && top.received == "")
        #expect(top.failure == TransportFailure("HTTP path unknown", "/other"))
        channel.pipeline.triggerUserOutboundEvent(TransportAbort(), promise: nil)
        #expect(try sent(channel).hasPrefix("HTTP/1.1 404 Not Found\r\n"))
    }

    @Test func nothingIsSaidWhileTheLayersBelowAreNotUp() throws {
        let plan = try HTTPObfuscationServerPlan(StreamSettings.httpHeader)
        let channel = EmbeddedChannel(handler: HTTPObfuscationServerHandler(plan: plan))
        channel.pipeline.triggerUserOutboundEvent(TransportAbort(), promise: nil)
        #expect(try sent(channel) == "")
    }

    @Test func requestLeavesWithTheFirstBytes() throws {
        let channel = try client(Top(greeting: "hello"))
        let sent = try sent(channel)
        #expect(sent.hasPrefix("GET /chat HTTP/1.1\r\n") && sent.hasSuffix("\r\n\r\nhello"))
    }

    @Test func requestLeavesWithoutBytesAsWell() throws {
        let channel = try client(Top())
        #expect(try sent(channel) == "")
        channel.embeddedEventLoop.run()
        #expect(try sent(channel).hasPrefix("GET /chat HTTP/1.1\r\n"))
    }

    @Test(arguments: [1, 7, .max]) func clientTakesTheResponseOffAndLeaves(_ piece: Int) throws {
        let top = Top()
        let channel = try client(top)
        #expect(top.isUp)
        var bytes = Array("\(Self.response)payload".utf8)[...]
        while !bytes.isEmpty {
            try channel.writeInbound(ByteBuffer(bytes: bytes.prefix(piece)))
            bytes = bytes.dropFirst(piece)
        }
        #expect(top.received == "payload" && isGone(channel))
    }

    @Test func serverThatNeverEndsItsHeadIsGivenUp() throws {
        let top = Top()
        let channel = try client(top)
        try channel.writeInbound(ByteBuffer(repeating: 0x61, count: ObfuscationHead.limit))
        try channel.writeInbound(ByteBuffer(string: "\r\n\r\npayload"))
        #expect(top.failure?.reason == "HTTP response header too long" && top.received == "")
    }
}
