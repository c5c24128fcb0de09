// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOEmbedded
import ProxyModel
import Testing
import XrayProtos

@testable import ProxyCore

struct WebSocketPongTests {
    /// A server's side that has answered the opening handshake.
    private func opened() throws -> EmbeddedChannel {
        let plan = WebSocketServerPlan(
            Xray_Transport_Internet_Websocket_Config(), forwarders: TrustedForwarders([]) { _ in })
        let info = TransportInfo(source: .unspecified, local: .unspecified)
        let channel = EmbeddedChannel(handler: WebSocketHandler(server: plan, info: info))
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        let request =
            "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        try channel.writeInbound(ByteBuffer(string: request))
        let answer = try #require(try channel.readOutbound(as: ByteBuffer.self))
        #expect(String(buffer: answer).hasPrefix("HTTP/1.1 101"))
        return channel
    }

    private static let ping = ByteBuffer(bytes: [0x89, 0x81, 0, 0, 0, 0, 0x61])

    @Test func pingIsAnswered() throws {
        let channel = try opened()
        try channel.writeInbound(Self.ping)
        #expect(try channel.readOutbound(as: ByteBuffer.self) == ByteBuffer(bytes: [0x8a, 1, 0x61]))
    }

    @Test func peerThatDoesNotReadGetsNoMorePongs() throws {
        let channel = try opened()
        channel.isWritable = false
        for _ in 0..<1000 { try channel.writeInbound(Self.ping) }
        #expect(try channel.readOutbound(as: ByteBuffer.self) == nil)
    }
}
