// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import ProxyCore
import TestSupport
import Testing
import XrayProtos

@Suite(.serialized) struct DatagramTests {
    @Test(arguments: [1, 1_400, 9_000, 60_000])
    func datagramsThroughATunnelComeBackWhole(_ size: Int) async throws {
        let echo = try UDPSocket()
        echo.echoInBackground()
        let stage = try await CoreStage { _ in CoreStage.tunnel(to: echo.port, [.udp]) }
        let client = try UDPSocket()
        let datagram = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
        let answer = try await offPool {
            try client.send(datagram, to: stage.port)
            return try client.receive()
        }
        #expect(answer.bytes == datagram)
        #expect(answer.port == stage.port)
        #expect(stage.core.counterValue(named: "outbound>>>out>>>traffic>>>downlink") == Int64(size))
        await stage.stop()
    }

    @Test func socksClientReachesSeveralTargetsByOneAssociation() async throws {
        let echoes = try (0..<2).map { _ in try UDPSocket() }
        for echo in echoes { echo.echoInBackground() }
        var socks = Xray_Proxy_Socks_ServerConfig()
        socks.udpEnabled = true
        let stage = try await CoreStage { [socks] _ in socks }
        let control = try TCPClient(port: stage.port)
        let (method, reply) = try await offPool {
            try control.send([5, 1, 0])
            let method = try control.receive(exactly: 2)
            try control.send([5, 3, 0, 1, 0, 0, 0, 0, 0, 0])
            return (method, try control.receive(exactly: 10))
        }
        #expect(method == [5, 0])
        #expect(reply[..<4] == [5, 0, 0, 1])
        let relay = UInt16(reply[8]) << 8 | UInt16(reply[9])

        let client = try UDPSocket()
        // What the kernel refuses to send costs nobody the socket.
        try await offPool { try client.send([0, 0, 0, 1, 127, 0, 0, 1, 0, 0, 9], to: relay) }
        for echo in echoes {
            let head: [UInt8] = [0, 0, 0, 1, 127, 0, 0, 1, UInt8(echo.port >> 8), UInt8(echo.port & 255)]
            let answer = try await offPool {
                try client.send(head + [1, 2, 3], to: relay)
                return try client.receive()
            }
            #expect(answer.bytes == head + [1, 2, 3], "the answer names its source")
        }
        #expect(await stage.core.flowCount() == 1, "one flow for all targets of an outbound")
        await stage.stop()
    }

    @Test func answersReachAClientThatHasEndedItsInput() async throws {
        let target = try UDPSocket()
        var policy = Xray_App_Policy_Policy()
        policy.timeout.downlinkOnly.value = 60
        let stage = try await CoreStage(policy: policy) { _ in
            try CoreStage.vless([(CoreStage.alice, "alice@example.com")])
        }
        let id = withUnsafeBytes(of: CoreStage.alice.uuid) { Array($0) }
        let answer = try await offPool {
            let client = try TCPClient(port: stage.port)
            let port = [UInt8(target.port >> 8), UInt8(target.port & 255)]
            try client.send([0] + id + [0, 2] + port + [1, 127, 0, 0, 1] + [0, 3, 7, 8, 9])
            let question = try target.receive()
            client.endOutput()
            for part in 1...20 as ClosedRange<UInt8> {
                usleep(5_000)
                try target.send(question.bytes + [part], to: question.port)
            }
            return try client.receive(exactly: 2 + 20 * 6)
        }
        #expect(answer == [0, 0] + (1...20).flatMap { [0, 4, 7, 8, 9, $0] as [UInt8] })
        await stage.stop()
    }
}
