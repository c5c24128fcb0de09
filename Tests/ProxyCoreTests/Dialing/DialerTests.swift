// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyCore
import ProxyModel
import TestSupport
import Testing
import XrayProtos

@Suite(.serialized) struct DialerTests {
    /// Nobody listens on the first address.
    private static func resolver() -> Resolver { Resolver { _ in [.v4(0x7f00_0002), .loopbackV4] } }

    @Test func nextAddressOfANameIsDialledWhenTheFirstRefuses() async throws {
        let stage = try await CoreStage(resolver: Self.resolver()) { port in
            var tunnel = CoreStage.tunnel(to: port)
            tunnel.rewriteAddress.domain = "two.example"
            return tunnel
        }
        let port = stage.port
        try await offPool {
            let client = try TCPClient(port: port, timeout: 20)
            try client.send(CoreStage.request(up: 1000, down: 100_000))
            _ = try client.receive(exactly: 100_000)
        }
        await stage.stop()
    }

    @Test(arguments: ["tls", "grpc"])
    func nextAddressIsDialledUnderATransportAsWell(_ transport: String) async throws {
        let isTLS = transport == "tls"
        let grpc = try StreamSettings.transport("grpc", Xray_Transport_Internet_Grpc_Encoding_Config())
        let server = try await CoreStage {
            try $0.setInboundStream(
                isTLS ? StreamSettings.tls { $0.certificate = [try StreamSettings.certificate("server")] } : grpc)
        } settings: { _ in
            try ProxyHop.vless.inbound()
        }
        let client = try await CoreStage(
            outbound: ProxyHop.vless.outbound(port: server.port), resolver: Self.resolver()
        ) {
            let tls = try StreamSettings.tls {
                $0.serverName = "proxy.example"
                $0.disableSystemRoot = true
                $0.certificate = [try StreamSettings.certificate("authority", usage: .authorityVerify)]
            }
            try $0.setSender { $0.streamSettings = isTLS ? tls : grpc }
        } settings: { _ in
            CoreStage.tunnel(to: server.server.port)
        }
        let port = client.port
        try await offPool {
            let socket = try TCPClient(port: port, timeout: 20)
            try socket.send(CoreStage.request(up: 1000, down: 100_000))
            _ = try socket.receive(exactly: 100_000)
        }
        await client.stop()
        await server.stop()
    }
}
