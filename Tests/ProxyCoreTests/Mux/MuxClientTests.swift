// SPDX-License-Identifier: Apache-2.0
import Foundation
import NIOPosix
import ProxyCore
import SwiftProtobuf
import TestSupport
import Testing
import XrayProtos

/// Sessions that share connections, from one core to another by each protocol, and to and from Debian's v2ray.
@Suite(.serialized) struct MuxClientTests {
    private static let hops: [ProxyHop] = [.vless, .vmess, .trojan, .shadowsocks]

    private static func mux(
        _ configuration: inout CoreSettings, _ change: (inout Xray_App_Proxyman_MultiplexingConfig) -> Void = { _ in }
    ) throws {
        var sender = Xray_App_Proxyman_SenderConfig()
        sender.multiplexSettings.enabled = true
        change(&sender.multiplexSettings)
        configuration.outbounds[0].senderSettings = try TypedMessages.pack(sender)
    }

    @Test(arguments: hops) func streamsGoThroughOneConnection(hop: ProxyHop) async throws {
        let server = try await CoreStage { _ in try hop.inbound() }
        let client = try await CoreStage(
            outbound: hop.outbound(port: server.port), configure: { try Self.mux(&$0) },
            settings: { _ in CoreStage.tunnel(to: server.server.port) })
        let sockets = try (0..<4).map { _ in try TCPClient(port: client.port, timeout: 30) }
        try await offPool {
            for round in 1...20 {
                for socket in sockets { try socket.send(CoreStage.request(up: 8 + 100 * round, down: 3_000 * round)) }
                for socket in sockets { _ = try socket.receive(exactly: 3_000 * round) }
            }
        }
        let connections = await server.core.flowCount() - sockets.count
        let loops = Array(MultiThreadedEventLoopGroup.singleton.makeIterator()).count
        #expect((1...loops).contains(connections), "one connection on each event loop carries all of its streams")
        await client.stop()
        await server.stop()
    }

    @Test func connectionTakesNoMoreSessionsThanItMay() async throws {
        let server = try await CoreStage { _ in try ProxyHop.vless.inbound() }
        let client = try await CoreStage(
            outbound: ProxyHop.vless.outbound(port: server.port),
            configure: { try Self.mux(&$0) { $0.concurrency = 2 } },
            settings: { _ in CoreStage.tunnel(to: server.server.port) })
        let sockets = try (0..<8).map { _ in try TCPClient(port: client.port, timeout: 30) }
        try await offPool {
            for socket in sockets {
                try socket.send(CoreStage.request(up: 8, down: 1))
                _ = try socket.receive(exactly: 1)
            }
        }
        let connections = await server.core.flowCount() - 8
        #expect(connections >= 4, "two sessions at most for each of \(connections) connections")
        await client.stop()
        await server.stop()
    }

    @Test(arguments: hops) func bigStreamArrivesWholeBesideOthers(hop: ProxyHop) async throws {
        let server = try await CoreStage { _ in try hop.inbound() }
        let client = try await CoreStage(
            outbound: hop.outbound(port: server.port), configure: { try Self.mux(&$0) },
            settings: { _ in CoreStage.tunnel(to: server.server.port) })
        try await offPool {
            let (big, small) = (try TCPClient(port: client.port, timeout: 60), try TCPClient(port: client.port))
            try big.send(CoreStage.request(up: 3_000_000, down: 20_000_000))
            try small.send(CoreStage.request(up: 8, down: 10))
            _ = try big.receive(exactly: 20_000_000)
            _ = try small.receive(exactly: 10)
        }
        await client.stop()
        await server.stop()
    }

    @Test(arguments: hops) func datagramsOfASourceShareASocketAtTheServer(hop: ProxyHop) async throws {
        let (first, second) = (try UDPSocket(), try UDPSocket())
        let server = try await CoreStage { _ in try hop.inbound() }
        let client = try await CoreStage(
            outbound: hop.outbound(port: server.port), configure: { try Self.mux(&$0) },
            settings: { _ in ProxyHop.socksWithUDP })
        let (ports, answer) = try await offPool {
            let control = try TCPClient(port: client.port)
            let relay = try control.associate()
            let socket = try UDPSocket()
            for far in [first, second] {
                try socket.send([0, 0, 0, 1, 127, 0, 0, 1, UInt8(far.port >> 8), UInt8(far.port & 255), 7], to: relay)
            }
            let ports = (try first.receive().port, try second.receive().port)
            try second.send([9, 9], to: ports.1)
            return (ports, try socket.receive().bytes)
        }
        #expect(ports.0 == ports.1, "far ends see one address")
        #expect(answer == [0, 0, 0, 1, 127, 0, 0, 1, UInt8(second.port >> 8), UInt8(second.port & 255), 9, 9])
        await client.stop()
        await server.stop()
    }

    @Test func datagramsToPort443AreRefusedUnlessToldOtherwise() async throws {
        let log = try LogLines()
        let server = try await CoreStage { _ in try ProxyHop.vless.inbound() }
        let client = try await CoreStage(
            outbound: ProxyHop.vless.outbound(port: server.port), log: log.log, configure: { try Self.mux(&$0) },
            settings: { _ in CoreStage.tunnel(to: 443, [.udp]) })
        let socket = try UDPSocket()
        try socket.send([1], to: client.port)
        let told = try await offPool { Wait.until { log.text.contains("XUDP rejected UDP/443 traffic") } }
        #expect(told)
        await client.stop()
        await server.stop()
    }

    @Test func serverThatIsNotThereEndsTheStreams() async throws {
        let log = try LogLines()
        let dead = try TCPClient.freePort()
        let client = try await CoreStage(
            outbound: ProxyHop.vless.outbound(port: dead), log: log.log, configure: { try Self.mux(&$0) },
            settings: { CoreStage.tunnel(to: $0) })
        let rest = try await offPool {
            let socket = try TCPClient(port: client.port)
            try socket.send([1, 2, 3])
            return try socket.receive()
        }
        #expect(rest.isEmpty)
        #expect(log.text.contains("mux connection to tcp:localhost:\(dead) failed"))
        #expect(await client.core.flowCount() == 0)
        await client.stop()
    }

    // MARK: v2ray

    @Test(arguments: ["vmess", "vless"]) func v2rayServesOurMux(name: String) async throws {
        let hop: ProxyHop = name == "vmess" ? .vmess : .vless
        let port = try TCPClient.freePort()
        let settings =
            name == "vmess"
            ? #""clients": [{"id": "b831381d-6324-4d53-ad4f-8cda48b30811"}]"#
            : #""decryption": "none", "clients": [{"id": "b831381d-6324-4d53-ad4f-8cda48b30811"}]"#
        let v2ray = try V2Ray(
            """
            {"log": {"loglevel": "none"}, "inbounds": [{"listen": "127.0.0.1", "port": \(port), "protocol": "\(name)",
             "settings": {\(settings)}}], "outbounds": [{"protocol": "freedom"}]}
            """, port: port)
        let target = try ByteServer()
        let client = try await CoreStage(
            outbound: hop.outbound(port: port), configure: { try Self.mux(&$0) },
            settings: { _ in CoreStage.tunnel(to: target.port) })
        try await offPool {
            let sockets = try (0..<3).map { _ in try TCPClient(port: client.port, timeout: 30) }
            for round in 1...10 {
                for socket in sockets { try socket.send(CoreStage.request(up: 8 + 900 * round, down: 40_000 * round)) }
                for socket in sockets { _ = try socket.receive(exactly: 40_000 * round) }
            }
        }
        #expect(client.core.counterValue(named: "outbound>>>out>>>traffic>>>downlink") ?? 0 > 6_000_000)
        v2ray.stop()
        target.stop()
        await client.stop()
    }

    @Test(arguments: ["vmess", "vless"]) func v2raysMuxIsServed(name: String) async throws {
        let hop: ProxyHop = name == "vmess" ? .vmess : .vless
        let server = try await CoreStage { _ in try hop.inbound() }
        let port = try TCPClient.freePort()
        let user = name == "vmess" ? #""alterId": 0, "security": "aes-128-gcm""# : #""encryption": "none""#
        let v2ray = try V2Ray(
            """
            {"log": {"loglevel": "none"}, "inbounds": [{"listen": "127.0.0.1", "port": \(port), "protocol": "dokodemo-door",
             "settings": {"address": "127.0.0.1", "port": \(server.server.port), "network": "tcp"}}],
             "outbounds": [{"protocol": "\(name)", "mux": {"enabled": true, "concurrency": 8}, "settings": {"vnext": [{
              "address": "127.0.0.1", "port": \(server.port),
              "users": [{"id": "b831381d-6324-4d53-ad4f-8cda48b30811", \(user)}]}]}}]}
            """, port: port)
        try await offPool {
            let sockets = try (0..<3).map { _ in try TCPClient(port: port, timeout: 30) }
            for round in 1...10 {
                for socket in sockets { try socket.send(CoreStage.request(up: 8 + 900 * round, down: 40_000 * round)) }
                for socket in sockets { _ = try socket.receive(exactly: 40_000 * round) }
            }
        }
        #expect(server.core.counterValue(named: "user>>>a@b>>>traffic>>>downlink") == Int64(3 * 40_000 * 55))
        v2ray.stop()
        await server.stop()
    }
}
