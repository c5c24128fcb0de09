// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyCore
import TestSupport
import Testing
import XrayProtos

/// What peers may send to the port of a transport: it ends, is counted by reason, and leaves nothing behind.
@Suite(.serialized) struct HostileTransportTests {
    private static func stage(_ stream: StreamSettings.Config, handshake: UInt32 = 60) async throws -> CoreStage {
        var policy = Xray_App_Policy_Policy()
        policy.timeout.handshake.value = handshake
        return try await CoreStage(policy: policy) {
            try $0.setInboundStream(stream)
        } settings: { _ in
            try ProxyHop.vless.inbound()
        }
    }

    /// Everything that comes back for some bytes, until the connection is closed.
    private static func answer(_ bytes: [UInt8], port: UInt16, ending: Bool = false) async throws -> [UInt8] {
        try await offPool {
            let client = try TCPClient(port: port, timeout: 20)
            try client.send(bytes)
            if ending { client.endOutput() }
            var all: [UInt8] = []
            // A reset is an end as well: bytes of ours were not read.
            while let part = try? client.receive(), !part.isEmpty { all += part }
            return all
        }
    }

    private static var tls: StreamSettings.Config {
        get throws { try StreamSettings.tls { $0.certificate = [try StreamSettings.certificate("server")] } }
    }

    private static let half = Array(
        ServerNameTests.records(ServerNameTests.message(name: "proxy.example")).dropLast(9))

    private func reasons(_ stage: CoreStage) -> [String] { stage.core.rejectedHandshakes.map(\.reason) }

    @Test func otherProtocolOnATLSPortIsRejected() async throws {
        let stage = try await Self.stage(Self.tls)
        #expect(try await Self.answer(Array("GET / HTTP/1.1\r\n\r\n".utf8), port: stage.port).isEmpty)
        try await eventually { self.reasons(stage) == ["not a TLS client hello"] }
        #expect(await stage.core.flowCount() == 0)
        await stage.stop()
    }

    @Test func helloThatEndsHalfwayIsRejected() async throws {
        let stage = try await Self.stage(Self.tls)
        #expect(try await Self.answer(Self.half, port: stage.port, ending: true).isEmpty)
        try await eventually { self.reasons(stage) == ["incomplete TLS client hello"] }
        await stage.stop()
    }

    @Test func helloThatDoesNotGoOnIsEndedAtTheHandshakeLimit() async throws {
        let stage = try await Self.stage(Self.tls, handshake: 1)
        #expect(try await Self.answer(Self.half, port: stage.port).isEmpty)
        try await eventually { self.reasons(stage) == ["transport handshake timed out"] }
        await stage.stop()
    }

    @Test func helloThatNoCipherFitsIsAnAlert() async throws {
        let stage = try await Self.stage(Self.tls)
        let hello = ServerNameTests.records(ServerNameTests.message(name: "proxy.example"))
        let answer = try await Self.answer(hello, port: stage.port)
        #expect(answer.first == 21, "an alert: \(answer)")
        try await eventually { self.reasons(stage) == ["TLS handshake failed"] }
        await stage.stop()
    }

    @Test(arguments: [
        ("GET /other HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 404 Not Found", "WebSocket path or host unknown"),
        ("GET /chat HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 Bad Request", "not a WebSocket request"),
        ("\u{16}\u{3}\u{1}\n\n", "HTTP/1.1 400 Bad Request", "not a WebSocket request"),
    ])
    func requestThatIsNotForUsIsAnswered(_ request: String, _ answer: String, _ reason: String) async throws {
        let stage = try await Self.stage(StreamSettings.webSocket(path: "/chat"))
        let text = String(decoding: try await Self.answer(Array(request.utf8), port: stage.port), as: UTF8.self)
        #expect(text.hasPrefix(answer), "\(text)")
        try await eventually { self.reasons(stage) == [reason] }
        await stage.stop()
    }

    @Test func headWithoutAnEndIsRefusedAtItsLimit() async throws {
        let stage = try await Self.stage(StreamSettings.webSocket(path: "/chat"))
        let head = "GET /chat HTTP/1.1\r\nA: " + String(repeating: "x", count: 20_000)
        _ = try await Self.answer(Array(head.utf8), port: stage.port)
        try await eventually { self.reasons(stage) == ["WebSocket request too large"] }
        await stage.stop()
    }

    @Test func framesThatAreNotMaskedEndTheConnection() async throws {
        let stage = try await Self.stage(StreamSettings.webSocket(path: "/chat"))
        let request =
            "GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        let answer = try await Self.answer(Array(request.utf8) + [0x82, 1, 7], port: stage.port)
        #expect(String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 101 Switching Protocols"))
        #expect(await stage.core.flowCount() == 0)
        await stage.stop()
    }

    @Test func requestForAnotherPathIsClosedWithoutAWordByHTTPUpgrade() async throws {
        var settings = Xray_Transport_Internet_Httpupgrade_Config()
        settings.path = "/up"
        let stage = try await Self.stage(StreamSettings.transport("httpupgrade", settings))
        let request = "GET /other HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        #expect(try await Self.answer(Array(request.utf8), port: stage.port).isEmpty)
        try await eventually { self.reasons(stage) == ["HTTP upgrade refused"] }
        await stage.stop()
    }

    @Test(arguments: [
        ("GET /other HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 404 Not Found", "HTTP path unknown"),
        ("ABCDEFG\r\n\r\n", "HTTP/1.1 400 Bad Request", "not an HTTP request"),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}", "HTTP/1.1 400 Bad Request", "not an HTTP request"),
        (
            "GET /chat HTTP/1.1\r\n\r\n\u{7}" + String(repeating: "x", count: 30), "HTTP/1.1 400 Bad Request",
            "unknown version"
        ),
    ])
    func headThatIsNotForUsIsAnsweredAsByTheOriginal(
        _ request: String, _ answer: String, _ reason: String
    ) async throws {
        let stage = try await Self.stage(StreamSettings.obfuscated())
        let text = String(decoding: try await Self.answer(Array(request.utf8), port: stage.port), as: UTF8.self)
        #expect(text.hasPrefix(answer) && text.hasSuffix("\r\n\r\n"), "\(text)")
        try await eventually { self.reasons(stage) == [reason] }
        #expect(await stage.core.flowCount() == 0)
        await stage.stop()
    }

    @Test func obfuscatingHeadWithoutAnEndIsRefusedAtItsLimit() async throws {
        let stage = try await Self.stage(StreamSettings.obfuscated())
        let head = "GET /chat HTTP/1.1\r\nA: " + String(repeating: "x", count: 20_000)
        _ = try await Self.answer(Array(head.utf8), port: stage.port)
        try await eventually { self.reasons(stage) == ["HTTP request header too long"] }
        await stage.stop()
    }

    @Test func obfuscatingHeadThatDoesNotGoOnIsAnsweredAtTheHandshakeLimit() async throws {
        let stage = try await Self.stage(StreamSettings.obfuscated(), handshake: 1)
        let answer = try await Self.answer(Array("GET /chat HTTP/1.1\r\nHo".utf8), port: stage.port)
        #expect(String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 400 Bad Request"))
        try await eventually { self.reasons(stage) == ["transport handshake timed out"] }
        await stage.stop()
    }

    @Test func connectionWithoutAPROXYHeaderIsRejectedWhereOneIsNeeded() async throws {
        var stream = StreamSettings.Config()
        stream.socketSettings.acceptProxyProtocol = true
        let stage = try await Self.stage(stream)
        #expect(try await Self.answer([0, 1, 2, 3], port: stage.port).isEmpty)
        try await eventually { self.reasons(stage) == ["no PROXY header"] }
        await stage.stop()
    }

    @Test func connectionThatLeavesWithoutAWordIsNotCounted() async throws {
        let stage = try await Self.stage(Self.tls)
        #expect(try await Self.answer([], port: stage.port, ending: true).isEmpty)
        #expect(reasons(stage).isEmpty)
        await stage.stop()
    }
}
