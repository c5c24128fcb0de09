// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyCore
import ProxyModel
import SwiftProtobuf
import TestSupport
import Testing
import XrayProtos

struct LoopbackTests {
    /// Everything goes round once, and from there to `last`.
    private static func stage(
        last: String, log: LogLines, networks: [Xray_Common_Net_Network] = [.tcp], port: UInt16? = nil,
        sniffs: Bool = false
    ) async throws -> CoreStage {
        try await CoreStage(
            log: log.log,
            configure: { configuration in
                var loopback = Xray_Proxy_Loopback_Config()
                loopback.inboundTag = "again"
                loopback.sniffing.enabled = sniffs
                loopback.sniffing.destinationOverride = ["http"]
                configuration.outbounds.insert(try CoreStage.outbound("round", loopback), at: 0)
                var rule = Xray_App_Router_RoutingRule()
                rule.inboundTag = ["again"]
                rule.tag = last
                configuration.routing?.rule = [rule]
            },
            settings: { CoreStage.tunnel(to: port ?? $0, networks) })
    }

    @Test func streamIsRoutedTwiceAndCountedOnce() async throws {
        let log = try LogLines()
        let stage = try await Self.stage(last: "out", log: log)
        let client = try TCPClient(port: stage.port)
        _ = try await offPool {
            try client.send(CoreStage.request(up: 100, down: 2_000))
            return try client.receive(exactly: 2_000)
        }
        #expect(stage.core.counterValue(named: "outbound>>>out>>>traffic>>>uplink") == 100)
        #expect(stage.core.counterValue(named: "outbound>>>round>>>traffic>>>uplink") == 0)
        #expect(log.text.contains("accepted tcp:127.0.0.1:\(stage.server.port) [in >> round]"))
        #expect(log.text.contains("accepted tcp:127.0.0.1:\(stage.server.port) [again -> out]"))
        await stage.stop()
    }

    @Test func streamIsSniffedOnItsWayRound() async throws {
        let web = try HalfCloseServer()
        let log = try LogLines()
        let stage = try await Self.stage(last: "out", log: log, port: web.port, sniffs: true)
        let client = try TCPClient(port: stage.port)
        let request = Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
        let answer = try await offPool {
            try client.send(request)
            client.endOutput()
            return try client.receive(exactly: request.count)
        }
        #expect(answer == request)
        #expect(log.text.contains("taking detour [out] for [tcp:localhost:\(web.port)]"))
        web.stop()
        await stage.stop()
    }

    @Test func datagramsGoRoundAsWell() async throws {
        let echo = try UDPSocket()
        echo.echoInBackground()
        let log = try LogLines()
        let stage = try await Self.stage(last: "out", log: log, networks: [.udp], port: echo.port)
        let client = try UDPSocket()
        let answer = try await offPool {
            try client.send([1, 2, 3], to: stage.port)
            return try client.receive().bytes
        }
        #expect(answer == [1, 2, 3])
        #expect(log.text.contains("accepted udp:127.0.0.1:\(echo.port) [again -> out]"))
        await stage.stop()
    }

    @Test func sessionThatGoesInCirclesIsEnded() async throws {
        let log = try LogLines()
        let stage = try await Self.stage(last: "round", log: log)
        let client = try TCPClient(port: stage.port)
        #expect(try await offPool { try client.receive() }.isEmpty)
        #expect(log.text.contains("goes in circles through round"))
        #expect(await stage.core.flowCount() == 0)
        await stage.stop()
    }
}
