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

private enum TLSServer {
    static var stream: StreamSettings.Config {
        get throws { try StreamSettings.tls { $0.certificate = [try StreamSettings.certificate("server")] } }
    }

    static var clientStream: StreamSettings.Config {
        get throws {
            try StreamSettings.tls {
                $0.serverName = "proxy.example"
                $0.disableSystemRoot = true
                $0.certificate = [try StreamSettings.certificate("authority", usage: .authorityVerify)]
            }
        }
    }
}
