// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import NIOEmbedded
import ProxyModel
import ProxyProtocols
import Routing
import SwiftProtobuf
import Telemetry
import TestSupport
import Testing
import XrayProtos

import class ProxyCore.Resolver

@testable import ProxyCore

/// Who ends a connection that its client does not end: each has a deadline or a flow, whatever it waits for. Without sockets, and
/// with a clock that the test moves.
@Suite struct LifetimeTests {
    /// A client's connection, up to the channel.
    private final class Stage {
        /// A client that takes nothing: what is written never leaves.
        private final class FullSocket: ChannelOutboundHandler {
            typealias OutboundIn = ByteBuffer

            func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
                if let promise { waiting.append(promise) }
            }

            func flush(context: ChannelHandlerContext) {}

            func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
                if mode == .all { return context.close(mode: mode, promise: promise) }
                if let promise { waiting.append(promise) }
            }

            func handlerRemoved(context: ChannelHandlerContext) {
                for promise in waiting { promise.fail(ChannelError.ioOnClosedChannel) }
            }

            private var waiting: [EventLoopPromise<Void>] = []
        }

        let channel = EmbeddedChannel()
        let loop: LoopContext
        let core: ProxyCore
        let log: LogLines

        init(
            outbound: (any SwiftProtobuf.Message)? = Xray_Proxy_Blackhole_Config(), resolver: Resolver = Resolver(),
            takesNothing: Bool = false, configure: (inout CoreSettings) throws -> Void = { _ in }
        ) throws {
            loop = LoopContext(eventLoop: channel.embeddedEventLoop)
            log = try LogLines()
            var settings = CoreSettings()
            settings.policy.level[0] = Xray_App_Policy_Policy()
            if let outbound { settings.outbounds = [try CoreStage.outbound("out", outbound)] }
            try configure(&settings)
            core = try ProxyCore(
                settings, factory: ProtocolRegistry.all, log: log.log, group: channel.embeddedEventLoop,
                assets: AssetDirectory(), resolver: resolver)
            let inbound = try ProxyCore.makeInbound(
                CoreStage.inbound("in", port: 1, CoreStage.vless([(CoreStage.alice, "alice@example.com")])),
                factory: ProtocolRegistry.all, services: core.services, assets: AssetDirectory()
            ).0
            if takesNothing { try channel.pipeline.syncOperations.addHandler(FullSocket()) }
            let end = StreamEnd(direction: .inbound, loop: loop, readCounter: nil, writeCounter: nil)
            let here = Endpoint(ip: .loopbackV4, port: 5)
            let session = StreamSession(
                services: core.services, inbound: inbound, loop: loop, end: end,
                accepted: AcceptedConnection(source: here, local: here))
            end.owner = session
            end.onActive = { _, _ in session.start() }
            try channel.pipeline.syncOperations.addHandler(end)
            channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
            run()
        }

        deinit { _ = try? channel.finish(acceptAlreadyClosed: true) }

        var isOpen: Bool { channel.isActive }

        func send(_ bytes: [UInt8]) throws {
            try channel.writeInbound(ByteBuffer(bytes: bytes))
            run()
        }

        func send(_ frame: MuxFrame) throws {
            var bytes = ByteBuffer()
            frame.writeHead(to: &bytes)
            if let data = frame.data { bytes.writeImmutableBuffer(data) }
            try send(Array(bytes.readableBytesView))
        }

        /// A VLESS request. Command 1: a stream, 2: datagrams, 3: mux.
        func request(_ command: UInt8, _ target: [UInt8] = [0, 9, 1, 127, 0, 0, 1]) throws {
            try send([0] + withUnsafeBytes(of: CoreStage.alice.uuid) { Array($0) } + [0, command] + target)
        }

        func datagram() throws { try send([0, 3, 1, 2, 3]) }

        func endInput() {
            channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
            run()
        }

        /// What the loop does when so much time has passed since the start.
        func pass(_ seconds: Int64) {
            loop.pass(.seconds(seconds))
            run()
        }

        private func run() { channel.embeddedEventLoop.run() }
    }

    private static let udp = Destination(network: .udp, address: .ip(.loopbackV4), port: 9)

    @Test func routeThatIsNotFoundInTimeEndsTheConnection() throws {
        let (asked, release) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let silent = Resolver(threads: 1) { _ in
            asked.signal()
            release.wait()
            return []
        }
        let stage = try Stage(resolver: silent) {
            var routing = Xray_App_Router_Config()
            routing.domainStrategy = .ipOnDemand
            var rule = Xray_App_Router_RoutingRule()
            rule.tag = "out"
            rule.ip = [
                .with {
                    $0.custom.cidr.ip = Data([10, 0, 0, 0])
                    $0.custom.cidr.prefix = 8
                }
            ]
            routing.rule = [rule]
            $0.routing = routing
        }
        let name = Array("silent.example".utf8)
        try stage.request(1, [0, 9, 2, UInt8(name.count)] + name)
        asked.wait()
        stage.pass(29)
        #expect(stage.isOpen)
        stage.pass(30)
        #expect(!stage.isOpen)
        #expect(stage.log.text.contains("no way to tcp:silent.example:9 was found in time"))
        // The resolver gives up by the loop's own clock.
        stage.channel.embeddedEventLoop.advanceTime(by: .seconds(60))
        release.signal()
        silent.stop()
    }

    @Test func clientThatDoesNotTakeARefusalIsCut() throws {
        let stage = try Stage(outbound: nil, takesNothing: true)
        try stage.request(1)
        #expect(stage.log.text.contains("default outbound handler not exist"))
        stage.pass(9)
        #expect(stage.isOpen, "what was written has not left")
        stage.pass(10)
        #expect(!stage.isOpen)
        #expect(!stage.log.text.contains("handshake timed out") && !stage.log.text.contains("no way"))
    }

    @Test func clientThatEndsItsDatagramsAndTakesNothingIsCut() throws {
        let stage = try Stage(takesNothing: true)
        try stage.request(2)
        try stage.datagram()
        #expect(stage.loop.flowCount == 1)
        stage.endInput()
        stage.pass(0)
        #expect(stage.isOpen && stage.loop.flowCount == 1, "answers may be on their way")
        stage.pass(1)
        #expect(stage.isOpen && stage.loop.flowCount == 0, "what was written has not left")
        stage.pass(11)
        #expect(!stage.isOpen)
    }

    @Test func clientThatEndsItsInputBeforeItsFirstDatagramIsNotWaitedFor() throws {
        let stage = try Stage()
        try stage.request(2)
        stage.endInput()
        #expect(!stage.isOpen)
    }

    @Test func connectionForDatagramsIsKeptByItsFlowOnly() throws {
        let stage = try Stage()
        try stage.request(2)
        stage.pass(299)
        #expect(stage.isOpen, "it may still begin")
        try stage.datagram()
        #expect(stage.loop.flowCount == 1)
        stage.pass(358)
        #expect(stage.isOpen)
        stage.pass(359)
        #expect(!stage.isOpen && stage.loop.flowCount == 0)
    }

    @Test func muxConnectionThatEndsAndTakesNothingIsCut() throws {
        let stage = try Stage(takesNothing: true)
        try stage.request(3, [])
        try stage.send(MuxFrame(id: 1, status: .new, peer: Self.udp, data: ByteBuffer(string: "a")))
        #expect(stage.loop.flowCount == 2)
        stage.endInput()
        #expect(stage.isOpen)
        stage.pass(300)
        stage.pass(599)
        #expect(stage.isOpen, "it has the idle limit, and once more what it takes to drain")
        stage.pass(600)
        #expect(!stage.isOpen)
        #expect(stage.loop.flowCount == 0)
    }

    @Test func muxSessionWithoutADatagramDoesNotKeepItsConnection() throws {
        let stage = try Stage()
        try stage.request(3, [])
        try stage.send(MuxFrame(id: 1, status: .new, peer: Self.udp))
        stage.pass(59)
        #expect(stage.isOpen)
        stage.pass(60)
        stage.pass(119)
        #expect(stage.isOpen, "the session is over, and the connection waits for another one")
        stage.pass(120)
        #expect(!stage.isOpen)
    }
}
