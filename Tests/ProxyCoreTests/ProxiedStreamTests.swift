// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyCore
import TestSupport
import Testing
import XrayProtos

/// Streams that go through a second core by each protocol.
@Suite(.serialized) struct ProxiedStreamTests {
    @Test(arguments: ProxyHop.allCases)
    func aStreamArrivesWholeAndItsEndToo(_ hop: ProxyHop) async throws {
        let echo = try HalfCloseServer()
        // The answer begins when the request has ended, as late as a busy machine lets it.
        var policy = Xray_App_Policy_Policy()
        policy.timeout.downlinkOnly.value = 60
        let server = try await CoreStage(policy: policy) { _ in try hop.inbound() }
        let client = try await CoreStage(policy: policy, outbound: hop.outbound(port: server.port)) { _ in
            CoreStage.tunnel(to: echo.port)
        }
        var state: UInt32 = 1
        let bytes = (0..<700_000).map { _ -> UInt8 in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(state >> 24)
        }
        let answer = try await offPool {
            let socket = try TCPClient(port: client.port, timeout: 60)
            try socket.send(bytes)
            socket.endOutput()
            return try socket.receive(exactly: bytes.count) + socket.receive()
        }
        #expect(answer == bytes)
        if hop.countsUser {
            #expect(server.core.counterValue(named: "user>>>a@b>>>traffic>>>uplink") == Int64(bytes.count))
        }
        echo.stop()
        await client.stop()
        await server.stop()
    }

    @Test(arguments: ProxyHop.allCases)
    func manySmallMessagesGoBackAndForth(_ hop: ProxyHop) async throws {
        let server = try await CoreStage { _ in try hop.inbound() }
        let client = try await CoreStage(outbound: hop.outbound(port: server.port)) { _ in
            CoreStage.tunnel(to: server.server.port)
        }
        try await offPool {
            let socket = try TCPClient(port: client.port, timeout: 60)
            for round in 1...200 {
                try socket.send(CoreStage.request(up: 8 + round, down: round * 7))
                #expect(try socket.receive(exactly: round * 7).allSatisfy { $0 == 0x64 })
            }
        }
        await client.stop()
        await server.stop()
    }
}
