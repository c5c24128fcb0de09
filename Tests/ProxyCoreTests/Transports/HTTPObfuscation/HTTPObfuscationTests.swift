// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyCore
import SwiftProtobuf
import TestSupport
import Testing
import XrayProtos

/// Two cores with HTTP heads between them.
@Suite(.serialized) struct HTTPObfuscationTests {
    private static func pair(
        _ hop: ProxyHop, to port: UInt16, isSecure: Bool
    ) async throws -> (server: CoreStage, client: CoreStage) {
        // The answer begins when the request has ended, as late as a busy machine lets it.
        var policy = Xray_App_Policy_Policy()
        policy.timeout.downlinkOnly.value = 60
        let server = try await CoreStage(policy: policy) {
            try $0.setInboundStream(StreamSettings.obfuscated(isSecure ? TLSServer.stream : .init()))
        } settings: { _ in
            try hop.inbound()
        }
        let stream = try StreamSettings.obfuscated(isSecure ? TLSServer.clientStream : .init())
        let client = try await CoreStage(policy: policy, outbound: hop.outbound(port: server.port)) {
            try $0.setSender { $0.streamSettings = stream }
        } settings: { _ in
            CoreStage.tunnel(to: port)
        }
        return (server, client)
    }

    @Test(arguments: [ProxyHop.vless, .vmess, .trojan, .shadowsocks, .socksWithPassword, .http], [true, false])
    func streamArrivesWholeAndItsEndToo(_ hop: ProxyHop, _ isSecure: Bool) async throws {
        let echo = try HalfCloseServer()
        let (server, client) = try await Self.pair(hop, to: echo.port, isSecure: isSecure)
        let bytes = (0..<700_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        let answer = try await offPool {
            let socket = try TCPClient(port: client.port, timeout: 60)
            try socket.send(bytes)
            socket.endOutput()
            return try socket.receive(exactly: bytes.count) + socket.receive()
        }
        #expect(answer == bytes)
        echo.stop()
        await client.stop()
        await server.stop()
    }

    /// Nobody sends a byte through `freedom` before the server's come, and they do not come before the head.
    @Test func serverThatSpeaksFirstIsHeard() async throws {
        let greeter = try TCPListener.concurrent { connection in
            _ = send(connection, "220 ready", 9, Int32(MSG_NOSIGNAL))
            var byte: UInt8 = 0
            while recv(connection, &byte, 1, 0) == 1 {}
        }
        let server = try await CoreStage {
            try $0.setInboundStream(StreamSettings.obfuscated())
        } settings: { _ in
            CoreStage.tunnel(to: greeter.port)
        }
        let client = try await CoreStage {
            let stream = try StreamSettings.obfuscated()
            try $0.setSender { $0.streamSettings = stream }
        } settings: { _ in
            CoreStage.tunnel(to: server.port)
        }
        let greeting = try await offPool { try TCPClient(port: client.port, timeout: 20).receive(exactly: 9) }
        #expect(String(decoding: greeting, as: UTF8.self) == "220 ready")
        greeter.stop()
        await client.stop()
        await server.stop()
    }

    /// The head is the transport's: the server behind gets what came behind it.
    @Test func strangerWithAGoodHeadReachesTheFallback() async throws {
        let web = try HalfCloseServer()
        let stage = try await CoreStage {
            try $0.setInboundStream(StreamSettings.obfuscated())
        } settings: { _ in
            var config = try CoreStage.vless([(CoreStage.alice, "alice@example.com")])
            config.fallbacks = [.with { ($0.type, $0.dest) = ("tcp", "127.0.0.1:\(web.port)") }]
            return config
        }
        let answer = try await offPool {
            let client = try TCPClient(port: stage.port, timeout: 20)
            try client.send(Array("GET /chat HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n".utf8))
            client.endOutput()
            var all: [UInt8] = []
            while case let part = try client.receive(), !part.isEmpty { all += part }
            return String(decoding: all, as: UTF8.self)
        }
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.hasSuffix("GMT\r\n\r\nGET / HTTP/1.1\r\n\r\n"))
        web.stop()
        await stage.stop()
    }

    @Test func peerThatDoesNotReadHoldsTheOtherBack() async throws {
        let silent = try SilentServer()
        let (server, client) = try await Self.pair(.vless, to: silent.port, isSecure: false)
        let sent = try await offPool {
            let socket = try TCPClient(port: client.port, timeout: 2)
            let chunk = [UInt8](repeating: 7, count: 65_536)
            var sent = 0
            // The socket's time-out tells that nothing is taken any more.
            while sent < 256 << 20, (try? socket.send(chunk)) != nil { sent += chunk.count }
            return sent
        }
        #expect(sent < 64 << 20, "sockets hold a few megabytes")
        silent.stop()
        await client.stop()
        await server.stop()
    }

    @Test func proxySettingsCarryTheProtocolWithoutAHead() async throws {
        let log = try LogLines()
        let stage = try await CoreStage(outbound: ProxyHop.vless.outbound(port: 9), log: log.log) {
            let stream = try StreamSettings.obfuscated()
            try $0.setSender { ($0.streamSettings, $0.proxySettings.tag) = (stream, "carrier") }
            $0.outbounds.append(try CoreStage.outbound("carrier", CoreStage.openFreedom))
        } settings: { _ in
            CoreStage.tunnel(to: 9)
        }
        #expect(log.text.contains("the header http of the outbound out is not used with proxySettings"))
        await stage.stop()
    }

    @Test func headerThatIsNotKnownIsRefusedByName() async throws {
        var raw = Xray_Transport_Internet_Tcp_Config()
        raw.headerSettings = try TypedMessages.pack(Xray_Transport_Internet_Headers_Http_Status())
        let stream = try StreamSettings.transport("tcp", raw)
        await #expect {
            _ = try await CoreStage {
                try $0.setInboundStream(stream)
            } settings: {
                CoreStage.tunnel(to: $0)
            }
        } throws: { "\($0)".contains("the header xray.transport.internet.headers.http.Status of the transport tcp") }
    }
}
