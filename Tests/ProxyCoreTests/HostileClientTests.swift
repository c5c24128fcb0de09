// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyCore
import TestSupport
import Testing
import XrayProtos

/// What a prober gets to see: nothing.
@Suite(.serialized) struct HostileClientTests {
    private static let hops: [ProxyHop] = [
        .vless, .vmess, .trojan, .shadowsocks, .shadowsocks2022, .shadowsocks2022Users,
    ]

    /// Closes without a byte: at once, or after a number of bytes that the request does not tell.
    @Test(arguments: hops)
    func garbageIsNotAnswered(_ hop: ProxyHop) async throws {
        let stage = try await CoreStage { _ in try hop.inbound() }
        var generator = SystemRandomNumberGenerator()
        for size in [60, 300, 5_000] {
            let garbage = (0..<size).map { _ in UInt8.random(in: 1...255, using: &generator) }
            let answer = try await offPool {
                let client = try TCPClient(port: stage.port, timeout: 2)
                try client.send(garbage)
                // Nothing within the time limit, or the end; never a byte.
                return (try? client.receive()) ?? []
            }
            #expect(answer.isEmpty)
        }
        try await eventually { stage.core.rejectedHandshakes.map(\.count).reduce(0, +) == 3 }
        #expect(await stage.core.flowCount() == 0)
        await stage.stop()
    }

    @Test(arguments: hops)
    func halfARequestIsNotAnsweredBeforeItsTimeIsOver(_ hop: ProxyHop) async throws {
        var policy = Xray_App_Policy_Policy()
        policy.timeout.handshake.value = 1
        let stage = try await CoreStage(policy: policy) { _ in try hop.inbound() }
        // Zeros may begin a VLESS request, digits a Trojan one; the others begin with bytes that look random.
        let half = [UInt8](repeating: hop == .trojan ? 0x61 : 0, count: 15)
        let answer = try await offPool {
            let client = try TCPClient(port: stage.port, timeout: 30)
            try client.send(half)
            // The end, or a reset where the time was over before the half was read.
            return (try? client.receive()) ?? []
        }
        #expect(answer.isEmpty)
        #expect(stage.core.rejectedHandshakes.map(\.reason) == ["handshake timed out"])
        await stage.stop()
    }

    /// A recorded connection sent a second time.
    @Test(arguments: [ProxyHop.vmess, .vmessChaCha, .shadowsocks, .shadowsocks2022, .shadowsocks2022Users])
    func aReplayIsNotServed(_ hop: ProxyHop) async throws {
        let server = try await CoreStage { _ in try hop.inbound() }
        let recorder = try Recorder(to: server.port)
        let client = try await CoreStage(outbound: hop.outbound(port: recorder.port)) { _ in
            CoreStage.tunnel(to: server.server.port)
        }
        try await offPool {
            let socket = try TCPClient(port: client.port)
            try socket.send(CoreStage.request(up: 100, down: 10))
            _ = try socket.receive(exactly: 10)
        }
        let recorded = recorder.uplink
        #expect(recorded.count > 100)
        let answer = try await offPool {
            let socket = try TCPClient(port: server.port, timeout: 2)
            try socket.send(recorded)
            return (try? socket.receive()) ?? []
        }
        #expect(answer.isEmpty)
        #expect(server.core.rejectedHandshakes.map(\.reason) == ["replayed request"])
        recorder.stop()
        await client.stop()
        await server.stop()
    }
}
