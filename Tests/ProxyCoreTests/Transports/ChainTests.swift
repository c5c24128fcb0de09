// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import ProxyCore
import TestSupport
import Testing
import XrayProtos

/// Outbounds that carry each other.
@Suite(.serialized) struct ChainTests {
    private static func outbound(
        _ tag: String, _ hop: ProxyHop, port: UInt16,
        _ change: (inout Xray_App_Proxyman_SenderConfig) -> Void = { _ in }
    ) throws -> Xray_Core_OutboundHandlerConfig {
        var sender = Xray_App_Proxyman_SenderConfig()
        change(&sender)
        var config = try CoreStage.outbound(tag, hop.outbound(port: port))
        config.senderSettings = try TypedMessages.pack(sender)
        return config
    }

    private static func uplink(_ stage: CoreStage, _ tag: String) -> Int64 {
        stage.core.counterValue(named: "outbound>>>\(tag)>>>traffic>>>uplink") ?? -1
    }

    @Test(arguments: [ProxyHop.vless, .vmess, .trojan, .shadowsocks, .socksWithPassword, .http], [true, false])
    func outboundIsCarriedByAnother(_ carrier: ProxyHop, _ byDialer: Bool) async throws {
        let last = try await CoreStage {
            try $0.setInboundStream(TLSServer.stream)
        } settings: { _ in
            try ProxyHop.vless.inbound()
        }
        let middle = try await CoreStage { _ in try carrier.inbound() }
        let stream = try TLSServer.clientStream
        let first = try await CoreStage(outbound: ProxyHop.vless.outbound(port: last.port)) {
            try $0.setSender { sender in
                sender.streamSettings = stream
                if byDialer {
                    sender.streamSettings.socketSettings.dialerProxy = "carrier"
                } else {
                    sender.proxySettings.tag = "carrier"
                }
            }
            $0.outbounds.append(try Self.outbound("carrier", carrier, port: middle.port))
        } settings: { _ in
            CoreStage.tunnel(to: last.server.port)
        }
        try await offPool {
            let client = try TCPClient(port: first.port, timeout: 30)
            for _ in 0..<3 {
                try client.send(CoreStage.request(up: 10_000, down: 200_000))
                _ = try client.receive(exactly: 200_000)
            }
        }
        #expect(middle.core.counterValue(named: "outbound>>>out>>>traffic>>>downlink") ?? 0 > 600_000)
        let (own, carried) = (Self.uplink(first, "out"), Self.uplink(first, "carrier"))
        #expect(own > 30_000)
        #expect(carried > own, "the carrier counts TLS and its own head as well")
        for stage in [first, middle, last] { await stage.stop() }
    }

    @Test(
        arguments: [ProxyHop.shadowsocks, .shadowsocks2022, .socksWithPassword, .trojan, .vless],
        [ProxyHop.vless, .vmess, .trojan, .shadowsocks, .shadowsocks2022Users, .socks])
    func datagramsAreCarriedAsWell(_ outer: ProxyHop, _ carrier: ProxyHop) async throws {
        let echoes = try (0..<2).map { _ in try UDPSocket() }
        for echo in echoes { echo.echoInBackground() }
        let last = try await CoreStage { _ in try outer.inbound() }
        let middle = try await CoreStage { _ in try carrier.inbound() }
        let first = try await CoreStage(outbound: outer.outbound(port: last.port)) {
            try $0.setSender { $0.proxySettings.tag = "carrier" }
            $0.outbounds.append(try Self.outbound("carrier", carrier, port: middle.port))
        } settings: { _ in
            ProxyHop.socksWithUDP
        }
        let payload = [UInt8](repeating: 7, count: 1_000)
        let control = try TCPClient(port: first.port)
        try await offPool {
            let relay = try control.associate()
            let socket = try UDPSocket()
            for echo in echoes + echoes {
                let head: [UInt8] = [0, 0, 0, 1, 127, 0, 0, 1, UInt8(echo.port >> 8), UInt8(echo.port & 255)]
                try socket.send(head + payload, to: relay)
                #expect(try socket.receive().bytes == head + payload)
            }
        }
        #expect(last.core.counterValue(named: "outbound>>>out>>>traffic>>>downlink") == 4_000)
        #expect(middle.core.counterValue(named: "outbound>>>out>>>traffic>>>uplink") ?? 0 > 4_000)
        #expect(Self.uplink(first, "carrier") > 4_000)
        #expect(Self.uplink(first, "out") == 4_000)
        for stage in [first, middle, last] { await stage.stop() }
    }

    @Test func datagramsOfFreedomAreCarriedAsWell() async throws {
        let echo = try UDPSocket()
        echo.echoInBackground()
        let middle = try await CoreStage { _ in try ProxyHop.vless.inbound() }
        let first = try await CoreStage {
            try $0.setSender { $0.streamSettings.socketSettings.dialerProxy = "carrier" }
            $0.outbounds.append(try Self.outbound("carrier", .vless, port: middle.port))
        } settings: { _ in
            CoreStage.tunnel(to: echo.port, [.udp])
        }
        let socket = try UDPSocket()
        let answer = try await offPool {
            try socket.send([1, 2, 3], to: first.port)
            return try socket.receive().bytes
        }
        #expect(answer == [1, 2, 3])
        #expect(middle.core.counterValue(named: "outbound>>>out>>>traffic>>>uplink") == 3)
        await first.stop()
        await middle.stop()
    }

    /// Never straight to the server: who wants a chain does not want to be seen there.
    @Test(arguments: ["nobody", "blocked", "web"])
    func datagramsThatCannotBeCarriedGoNowhere(carrier: String) async throws {
        let server = try UDPSocket()
        let log = try LogLines()
        let stage = try await CoreStage(outbound: ProxyHop.shadowsocks.outbound(port: server.port), log: log.log) {
            try $0.setSender { $0.proxySettings.tag = carrier }
            $0.outbounds.append(try CoreStage.outbound("blocked", Xray_Proxy_Blackhole_Config()))
            $0.outbounds.append(try Self.outbound("web", .http, port: 9))
        } settings: { _ in
            CoreStage.tunnel(to: 9, [.udp])
        }
        let socket = try UDPSocket()
        try await offPool {
            for _ in 0..<3 { try socket.send([1], to: stage.port) }
        }
        let reason = [
            "nobody": "failed to get outbound handler with tag: nobody",
            "blocked": "the outbound blocked (blackhole) carries no datagrams by itself", "web": "HTTP",
        ][carrier]
        try await eventually { log.text.components(separatedBy: "datagrams to udp:127.0.0.1:9 ended").count == 4 }
        #expect(log.text.contains(try #require(reason)), "\(log.text)")
        #expect(await stage.core.flowCount() == 0)
        // What is sent now would come behind what was sent before.
        let probe = try UDPSocket()
        let first = try await offPool {
            try probe.send([9], to: server.port)
            return try server.receive()
        }
        #expect(first.bytes == [9] && first.port == probe.port)
        await stage.stop()
    }

    @Test func circleIsRefusedWhenItIsMade() async throws {
        func make(_ pairs: [(String, String)]) async throws -> CoreStage {
            try await CoreStage {
                for (tag, carrier) in pairs {
                    $0.outbounds.append(
                        try Self.outbound(tag, .socks, port: 9) {
                            $0.streamSettings.socketSettings.dialerProxy = carrier
                        })
                }
            } settings: {
                CoreStage.tunnel(to: $0)
            }
        }
        for pairs in [[("a", "a")], [("a", "b"), ("b", "a")], [("a", "b"), ("b", "c"), ("c", "a")]] {
            await #expect(throws: CoreBuildError.self) { try await make(pairs) }
        }
        let stage = try await make([("a", "b"), ("b", "c")])
        var request = Xray_App_Proxyman_Command_AddOutboundRequest()
        request.outbound = try Self.outbound("c", .socks, port: 9) { $0.proxySettings.tag = "a" }
        let error = #expect(throws: ControlError.self) { try stage.core.addOutbound(request, by: .console) }
        #expect(error?.message == "app/proxyman/outbound: the outbounds carry each other in a circle: c -> a -> b -> c")
        await stage.stop()
    }

    @Test func missingCarrierEndsTheConnection() async throws {
        let stage = try await CoreStage(outbound: ProxyHop.socks.outbound(port: 9)) {
            try $0.setSender { $0.proxySettings.tag = "nobody" }
        } settings: {
            CoreStage.tunnel(to: $0)
        }
        let rest = try await offPool { try TCPClient(port: stage.port).receive() }
        #expect(rest.isEmpty)
        try await eventually { await stage.core.flowCount() == 0 }
        await stage.stop()
    }
}
