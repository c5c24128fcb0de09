// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import ProxyCore
import ProxyModel
import TestSupport
import Testing
import XrayProtos

/// Where a connection comes from when something stands in front of the core.
@Suite(.serialized) struct SourceTests {
    /// The source of the one flow that these bytes, and then VLESS for the stage's server, open.
    private static func source(
        _ stream: StreamSettings.Config, opening: [UInt8], answerEnd: [UInt8] = []
    ) async throws -> Endpoint? {
        let stage = try await CoreStage {
            try $0.setInboundStream(stream)
        } settings: { _ in
            try ProxyHop.vless.inbound()
        }
        let (port, target) = (stage.port, stage.server.port)
        let id = withUnsafeBytes(of: CoreStage.alice.uuid) { Array($0) }
        let head = [0] + id + [0, 1, UInt8(target >> 8), UInt8(target & 255), 1, 127, 0, 0, 1]
        let client = try TCPClient(port: port, timeout: 20)
        try await offPool {
            try client.send(opening)
            var seen: [UInt8] = []
            while !answerEnd.isEmpty, !seen.suffix(answerEnd.count).elementsEqual(answerEnd) {
                let part = try client.receive(1)
                guard !part.isEmpty else { throw Failure("closed after \(String(decoding: seen, as: UTF8.self))") }
                seen += part
            }
            try client.send(head + CoreStage.request(up: 8, down: 10))
            _ = try client.receive(exactly: 12)
        }
        let flows = await stage.core.flows(FlowSelector())
        await stage.stop()
        return flows.first?.summary.source
    }

    @Test(arguments: [PROXYHeaderTests.text, PROXYHeaderTests.binary])
    func addressOfAPROXYHeaderIsTheSource(_ header: [UInt8]) async throws {
        var stream = StreamSettings.Config()
        stream.socketSettings.acceptProxyProtocol = true
        #expect(try await Self.source(stream, opening: header) == Endpoint(ip: .v4(0x0102_0304), port: 1111))
    }

    @Test func addressOfAPROXYHeaderIsTheSourceInFrontOfAnHTTPHead() async throws {
        var stream = try StreamSettings.obfuscated()
        stream.socketSettings.acceptProxyProtocol = true
        let head = Array("GET /chat HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
        #expect(
            try await Self.source(stream, opening: PROXYHeaderTests.text + head)
                == Endpoint(ip: .v4(0x0102_0304), port: 1111))
    }

    @Test(arguments: [([], "127.0.0.1"), (["X-Edge"], "203.0.113.9"), (["X-Other"], "127.0.0.1")])
    func forwardedAddressIsTheSourceWhereItIsTrusted(_ trusted: [String], _ source: String) async throws {
        var stream = try StreamSettings.transport("httpupgrade", Xray_Transport_Internet_Httpupgrade_Config())
        stream.socketSettings.trustedXForwardedFor = trusted
        let request =
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Edge: 1\r\n"
            + "X-Forwarded-For: 203.0.113.9, 10.0.0.1\r\n\r\n"
        let found = try await Self.source(
            stream, opening: Array(request.utf8), answerEnd: Array("\r\n\r\n".utf8))
        #expect(found?.ip == IPAddress(source))
    }
}
