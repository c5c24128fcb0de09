// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOEmbedded
import ProxyModel
import Synchronization
import Testing
import XrayProtos

@testable import GRPCWire
@testable import ProxyCore

/// The server's side of a connection, with nghttp2 as its client: no sockets, no threads.
@Suite struct GRPCTunnelServerTests {
    private final class Stage {
        let channel = EmbeddedChannel()
        let client: HTTP2Session
        let loop: LoopContext
        private(set) var streams: [VirtualChannel] = []
        private(set) var sources: [Endpoint] = []
        let warnings = Warnings()
        private(set) var refused: [TransportFailure] = []
        private(set) var answers: [Int32: HeaderBlock] = [:]
        private(set) var closed: [Int32: UInt32] = [:]
        /// What was read of each stream, by its order.
        private(set) var received: [Int: [UInt8]] = [:]
        var readsAtOnce = true

        init(trusted: [String] = [], window: Int32 = 0) throws {
            loop = LoopContext(eventLoop: channel.embeddedEventLoop)
            client = try HTTP2Session(
                options: HTTP2Session.Options(
                    isServer: false, maxHeaderListSize: 1 << 20, streamWindow: 1 << 16, connectionWindow: 1 << 20))
            var config = Xray_Transport_Internet_Grpc_Encoding_Config()
            config.serviceName = "gun"
            config.initialWindowsSize = window
            let source = Endpoint(ip: .v4(0x7f00_0001), port: 5)
            let forwarders = TrustedForwarders(trusted) { [warnings] in warnings.add($0) }
            try GRPCTunnelServer.add(
                to: channel,
                GRPCTunnelServer.Inbound(
                    plan: GRPCServerPlan(config, forwarders: forwarders),
                    info: TransportInfo(source: source, local: source), loop: loop, isRemoved: { false },
                    accept: { [unowned self] stream, source in try accept(stream, source) },
                    refused: { [unowned self] in refused.append($0) }),
                firstLimit: .seconds(60), isSecure: false)
            channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
            channel.embeddedEventLoop.run()
        }

        deinit { _ = try? channel.finish(acceptAlreadyClosed: true) }

        private func accept(_ stream: VirtualChannel, _ source: Endpoint) throws {
            let index = streams.count
            streams.append(stream)
            sources.append(source)
            try stream.syncOptions?.setOption(.autoRead, value: readsAtOnce)
            try stream.pipeline.syncOperations.addHandler(
                Collector { [unowned self] in received[index, default: []] += $0.readableBytesView })
            stream.activate()
        }

        func open(_ path: String = "/gun/Tun", _ more: [(String, String)] = []) throws -> HTTP2Session.StreamID {
            var block = HeaderBlock()
            for (name, value) in [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "a")] {
                block.append(name, value)
            }
            for (name, value) in [("content-type", "application/grpc"), ("te", "trailers")] + more {
                block.append(name, value)
            }
            return try client.request(block)
        }

        /// Carries octets both ways until both sides are quiet.
        func exchange() throws {
            for _ in 0..<10_000 {
                var output = ByteBuffer()
                try client.output(into: &output, limit: 1 << 20)
                read()
                var moved = output.readableBytes > 0
                if moved, channel.isActive { try channel.writeInbound(output) }
                channel.embeddedEventLoop.run()
                while let answer = try channel.readOutbound(as: ByteBuffer.self) {
                    moved = true
                    try answer.withUnsafeReadableBytes { try client.receive($0) }
                    read()
                }
                if !moved { return }
            }
            Issue.record("client and server never became quiet")
        }

        private func read() {
            for index in 0..<client.eventCount {
                switch client.event(at: index) {
                case .headers(let stream, let fields, _):
                    var block = answers[stream.number] ?? HeaderBlock()
                    HeaderBlock.forEach(in: fields) { _, name, value in
                        block.append(String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self))
                    }
                    answers[stream.number] = block
                case .closed(let stream, let code): closed[stream.number] = code
                default: break
                }
            }
            client.clearEvents()
        }
    }

    private final class Warnings: Sendable {
        private let messages = Mutex<[String]>([])
        var all: [String] { messages.withLock { $0 } }
        func add(_ message: String) { messages.withLock { $0.append(message) } }
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let body: (ByteBuffer) -> Void

        init(_ body: @escaping (ByteBuffer) -> Void) { self.body = body }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { body(unwrapInboundIn(data)) }
    }

    private static func hunk(_ payload: [UInt8]) -> ByteBuffer {
        ByteBuffer(bytes: (5..<Hunk.prefixLength(payload.count)).map { Hunk.prefix(payload.count, at: $0) } + payload)
    }

    @Test(
        arguments: [
            (
                [], [("x-forwarded-for", "203.0.113.9")], "127.0.0.1",
                ["ignored X-Forwarded-For from 127.0.0.1:5: sockopt.trustedXForwardedFor is not set"]
            ),
            (
                ["X-Edge"], [("x-forwarded-for", "203.0.113.9")], "127.0.0.1",
                [
                    "ignored X-Forwarded-For from 127.0.0.1:5: none of the headers that sockopt.trustedXForwardedFor names came "
                        + "with it"
                ]
            ),
            (["X-Edge"], [("x-forwarded-for", "203.0.113.9"), ("x-edge", "1")], "203.0.113.9", []),
            (["x-forwarded-for"], [("x-forwarded-for", "203.0.113.9")], "203.0.113.9", []),
            (["x-edge"], [("x-forwarded-for", "203.0.113.7,10.0.0.1"), ("x-edge", "")], "203.0.113.7", []),
            (["x-edge"], [("x-real-ip", "2001:db8::1"), ("x-edge", "")], "127.0.0.1", []),
            (["x-edge"], [("x-forwarded-for", "somebody"), ("x-edge", "")], "127.0.0.1", []),
            (["x-edge"], [("x-edge", "1")], "127.0.0.1", []), ([], [], "127.0.0.1", []),
        ] as [([String], [(String, String)], String, [String])])
    func sourceOfAStreamIsToldByHeadersThatAreVouchedFor(
        _ trusted: [String], _ headers: [(String, String)], _ source: String, _ distrusted: [String]
    ) throws {
        let stage = try Stage(trusted: trusted)
        _ = try stage.open("/gun/TunMulti", headers)
        try stage.exchange()
        #expect(stage.sources.map(\.ip) == [IPAddress(source)])
        #expect(stage.warnings.all == distrusted)
    }

    @Test func streamThatIsNotReadHoldsAWindowFullAndGoesOnWhenItIs() throws {
        let stage = try Stage(window: 65_535)
        stage.readsAtOnce = false
        let slow = try stage.open()
        let payload = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 9) }
        for start in stride(from: 0, to: payload.count, by: 10_000) {
            stage.client.write(slow, Self.hunk(Array(payload[start..<start + 10_000])), compressed: false)
        }
        try stage.exchange()
        #expect(stage.received.isEmpty)
        #expect((60_000...65_535).contains(stage.streams.first?.queuedBytes ?? 0))
        #expect(stage.client.pendingBytes(slow) > 130_000)

        stage.readsAtOnce = true
        let fast = try stage.open()
        stage.client.write(fast, Self.hunk([1, 2, 3]), compressed: false)
        try stage.exchange()
        #expect(stage.received == [1: [1, 2, 3]])

        try stage.streams.first?.syncOptions?.setOption(.autoRead, value: true)
        try stage.exchange()
        let isWhole = stage.received[0] == payload
        #expect(isWhole)
    }

    @Test func whatIsNoMessageEndsItsStreamWithAStatus() throws {
        let stage = try Stage()
        let bad = try stage.open()
        stage.client.write(bad, ByteBuffer(bytes: [0x0b]), compressed: false)
        try stage.exchange()
        #expect(stage.answers[bad.number]?.status?.code == .internal)
        #expect(stage.closed[bad.number] == HTTP2Session.ErrorCode.noError)
        #expect(stage.streams.first?.isActive == false)
        let good = try stage.open()
        stage.client.write(good, Self.hunk([9]), compressed: false)
        try stage.exchange()
        #expect(stage.received == [1: [9]])
    }

    @Test func headersThatAreTooLargeResetTheirStreamAlone() throws {
        let stage = try Stage()
        let large = try stage.open("/gun/Tun", [("x-filler", String(repeating: "a", count: 20_000))])
        try stage.exchange()
        #expect(stage.closed[large.number] != nil)
        #expect(stage.streams.isEmpty)
        _ = try stage.open()
        try stage.exchange()
        #expect(stage.streams.count == 1)
    }

    @Test func connectionWithoutAStreamIsEndedAtTheLimitAndOneWithAStreamIsNot() throws {
        let idle = try Stage()
        try idle.exchange()
        idle.loop.pass(.seconds(59))
        #expect(idle.channel.isActive)
        idle.loop.pass(.seconds(60))
        try idle.exchange()
        #expect(!idle.channel.isActive)

        let busy = try Stage()
        _ = try busy.open()
        try busy.exchange()
        busy.loop.pass(.seconds(6_000))
        try busy.exchange()
        #expect(busy.channel.isActive)
    }

    @Test func connectionThatEndsEndsItsStreams() throws {
        let stage = try Stage()
        _ = try stage.open()
        try stage.exchange()
        stage.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        stage.channel.embeddedEventLoop.run()
        #expect(stage.streams.first?.isActive == false)
        #expect(!stage.channel.isActive)
    }
}
