// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyCore
import TestSupport
import Testing
import XrayProtos

struct FallbackTests {
    private static func stage(_ type: String, _ dest: String, xver: UInt64 = 0, log: LogLines) async throws -> CoreStage
    {
        try await CoreStage(log: log.log) { _ in
            var config = try CoreStage.vless([(CoreStage.alice, "alice@example.com")])
            config.fallbacks = [.init()]
            config.fallbacks[0].type = type
            config.fallbacks[0].dest = dest
            config.fallbacks[0].xver = xver
            return config
        }
    }

    @Test func strangersBytesReachTheFallbackAndItsAnswerComesBack() async throws {
        let web = try HalfCloseServer()
        let log = try LogLines()
        let stage = try await Self.stage("tcp", "localhost:\(web.port)", xver: 1, log: log)
        let client = try TCPClient(port: stage.port)
        let answer = try await offPool {
            try client.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
            client.endOutput()
            var all: [UInt8] = []
            while case let part = try client.receive(), !part.isEmpty { all += part }
            return String(decoding: all, as: UTF8.self)
        }
        #expect(answer.hasPrefix("PROXY TCP4 127.0.0.1 127.0.0.1 "))
        #expect(answer.hasSuffix(" \(stage.port)\r\nGET / HTTP/1.1\r\n\r\n"))
        #expect(log.text.contains("proxy/vless: fallback starts > unknown version"))
        #expect(stage.core.counterValue(named: "inbound>>>in>>>traffic>>>uplink") == 18)
        #expect(stage.core.counterValue(named: "outbound>>>out>>>traffic>>>uplink") == 0)
        #expect(await stage.core.flowCount() == 0)
        web.stop()
        await stage.stop()
    }

    @Test func usersAreServedBesidesTheFallback() async throws {
        let log = try LogLines()
        let stage = try await Self.stage("tcp", "localhost:1", log: log)
        let client = try VLESSClient(proxy: stage.port, id: CoreStage.alice, target: stage.server.port)
        try await offPool { try client.exchange(up: 100, down: 1_000) }
        await stage.stop()
    }

    @Test func fallbackThatDoesNotAnswerEndsTheConnection() async throws {
        let log = try LogLines()
        let stage = try await Self.stage("unix", "/nonexistent/web.sock", log: log)
        let client = try TCPClient(port: stage.port)
        let rest = try await offPool {
            try client.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
            return try client.receive()
        }
        #expect(rest.isEmpty)
        #expect(log.text.contains("proxy/vless: failed to open connection to unix:/nonexistent/web.sock:0"))
        await stage.stop()
    }
}
