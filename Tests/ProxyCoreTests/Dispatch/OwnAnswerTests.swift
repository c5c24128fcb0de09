// SPDX-License-Identifier: Apache-2.0
import Foundation
import NIOCore
import ProxyCore
import ProxyModel
import TestSupport
import Testing
import XrayProtos

/// What the core itself answers to streams that came by each protocol.
@Suite(.serialized) struct OwnAnswerTests {
    @Test(arguments: ProxyHop.allCases)
    func blackholesAnswerIsReadByTheProtocolsClient(hop: ProxyHop) async throws {
        var blackhole = Xray_Proxy_Blackhole_Config()
        blackhole.response = try TypedMessages.pack(Xray_Proxy_Blackhole_HTTPResponse())
        let server = try await CoreStage(outbound: blackhole) { _ in try hop.inbound() }
        let client = try await CoreStage(outbound: hop.outbound(port: server.port)) { _ in CoreStage.tunnel(to: 80) }
        let answer = try await offPool {
            let socket = try TCPClient(port: client.port)
            try socket.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
            return String(decoding: try socket.receive(), as: UTF8.self)
        }
        #expect(answer.hasPrefix("HTTP/1.1 403 Forbidden"))
        if hop.countsUser {
            let counted = server.core.counterValue(named: "user>>>a@b>>>traffic>>>downlink")
            #expect(counted == Int64(answer.utf8.count))
        }
        await client.stop()
        await server.stop()
    }

    /// Sends back what it gets.
    private final class EchoServer: OutboundProtocol, InProcessServer {
        private final class Handler: ChannelInboundHandler {
            typealias InboundIn = ByteBuffer

            func channelRead(context: ChannelHandlerContext, data: NIOAny) {
                context.writeAndFlush(data, promise: nil)
            }
        }

        let name = "echo"
        func stream(for session: Session) -> StreamPlan { .serve(self) }
        func packets(for session: Session) -> PacketPlan { .discard }

        func takeOver(_ channel: any Channel) -> EventLoopFuture<Void> {
            channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Handler()) }
        }
    }

    @Test(arguments: [ProxyHop.vless, .vmess, .trojan, .shadowsocks])
    func aServerOfThisProcessIsReachedOrRefusedByName(hop: ProxyHop) async throws {
        let log = try LogLines()
        let server = try await CoreStage(log: log.log) { _ in try hop.inbound() }
        try server.core.addInternalOutbound(tag: "out", EchoServer())
        let client = try await CoreStage(outbound: hop.outbound(port: server.port)) { _ in CoreStage.tunnel(to: 80) }
        let answer = try await offPool {
            let socket = try TCPClient(port: client.port)
            try socket.send(Array("hello".utf8))
            return String(decoding: try socket.receive(), as: UTF8.self)
        }
        if [ProxyHop.vmess, .shadowsocks].contains(hop) {
            #expect(answer.isEmpty)
            try await eventually { log.text.contains("which does not read the format of \(hop)") }
        } else {
            #expect(answer == "hello")
        }
        await client.stop()
        await server.stop()
    }
}
