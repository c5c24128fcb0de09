// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import ProxyCore
import SwiftProtobuf
import TestSupport
import Testing
import XrayProtos

/// Datagrams that go through a second core by each protocol: client → tunnel → proxying outbound → inbound → freedom → echo.
@Suite(.serialized) struct ProxiedDatagramTests {
    enum Hop: CaseIterable {
        case vless, vmess, vmessChaCha, trojan, shadowsocks, socks, socksWithPassword

        /// One source reaches all its targets from one address.
        var isFullCone: Bool {
            switch self {
            case .vless, .vmess, .vmessChaCha: false
            case .trojan, .shadowsocks, .socks, .socksWithPassword: true
            }
        }

        /// The longest datagram that the protocol carries, a little below what UDP does.
        var longest: Int { self == .trojan ? 8_192 : 60_000 }
    }

    private static let password = "correct horse battery staple"

    private static func user(_ account: any SwiftProtobuf.Message) throws -> Xray_Common_Protocol_User {
        var user = Xray_Common_Protocol_User()
        user.email = "a@b"
        user.account = try TypedMessages.pack(account)
        return user
    }

    private static func endpoint(
        _ port: UInt16, _ account: (any SwiftProtobuf.Message)? = nil
    ) throws -> Xray_Common_Protocol_ServerEndpoint {
        var endpoint = Xray_Common_Protocol_ServerEndpoint()
        endpoint.address.domain = "localhost"
        endpoint.port = UInt32(port)
        if let account { endpoint.user = try user(account) }
        return endpoint
    }

    private static func inbound(_ hop: Hop) throws -> any SwiftProtobuf.Message {
        switch hop {
        case .vless: return try CoreStage.vless([(CoreStage.alice, "a@b")])
        case .vmess, .vmessChaCha:
            var config = Xray_Proxy_Vmess_Inbound_Config()
            config.user = [try user(vmess(hop))]
            return config
        case .trojan:
            var config = Xray_Proxy_Trojan_ServerConfig()
            config.users = [try user(trojan)]
            return config
        case .shadowsocks:
            var config = Xray_Proxy_Shadowsocks_ServerConfig()
            config.network = [.tcp, .udp]
            config.users = [try user(shadowsocks)]
            return config
        case .socks, .socksWithPassword:
            var config = Xray_Proxy_Socks_ServerConfig()
            config.udpEnabled = true
            config.address.address = .ip(Data([127, 0, 0, 1]))
            if hop == .socksWithPassword {
                config.authType = .password
                config.accounts = ["alice": password]
            }
            return config
        }
    }

    private static func outbound(_ hop: Hop, port: UInt16) throws -> any SwiftProtobuf.Message {
        switch hop {
        case .vless:
            var account = Xray_Proxy_Vless_Account()
            account.id = CoreStage.alice.uuidString
            var config = Xray_Proxy_Vless_Outbound_Config()
            config.vnext = try endpoint(port, account)
            return config
        case .vmess, .vmessChaCha:
            var config = Xray_Proxy_Vmess_Outbound_Config()
            config.receiver = try endpoint(port, vmess(hop))
            return config
        case .trojan:
            var config = Xray_Proxy_Trojan_ClientConfig()
            config.server = try endpoint(port, trojan)
            return config
        case .shadowsocks:
            var config = Xray_Proxy_Shadowsocks_ClientConfig()
            config.server = try endpoint(port, shadowsocks)
            return config
        case .socks, .socksWithPassword:
            var config = Xray_Proxy_Socks_ClientConfig()
            var account = Xray_Proxy_Socks_Account()
            account.username = "alice"
            account.password = password
            config.server = try endpoint(port, hop == .socksWithPassword ? account : nil)
            return config
        }
    }

    private static func vmess(_ hop: Hop) -> Xray_Proxy_Vmess_Account {
        var account = Xray_Proxy_Vmess_Account()
        account.id = CoreStage.alice.uuidString
        account.securitySettings.type = hop == .vmess ? .aes128Gcm : .chacha20Poly1305
        return account
    }

    private static var trojan: Xray_Proxy_Trojan_Account {
        var account = Xray_Proxy_Trojan_Account()
        account.password = password
        return account
    }

    private static var shadowsocks: Xray_Proxy_Shadowsocks_Account {
        var account = Xray_Proxy_Shadowsocks_Account()
        account.cipherType = .aes256Gcm
        account.password = password
        return account
    }

    @Test(arguments: Hop.allCases)
    func datagramsOfAnySizeComeBackWhole(_ hop: Hop) async throws {
        let echo = try UDPSocket()
        echo.echoInBackground()
        let server = try await CoreStage { _ in try Self.inbound(hop) }
        let client = try await CoreStage(outbound: Self.outbound(hop, port: server.port)) { _ in
            CoreStage.tunnel(to: echo.port, [.udp])
        }
        let socket = try UDPSocket()
        var carried = 0
        for size in [1, 2, 500, 1_400, 8_000, hop.longest] {
            let datagram = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ size) }
            let answer = try await offPool {
                try socket.send(datagram, to: client.port)
                return try socket.receive()
            }
            #expect(answer.bytes == datagram && answer.port == client.port)
            carried += size
        }
        #expect(client.core.counterValue(named: "outbound>>>out>>>traffic>>>uplink") == Int64(carried))
        #expect(client.core.counterValue(named: "outbound>>>out>>>traffic>>>downlink") == Int64(carried))
        if ![.socks, .socksWithPassword].contains(hop) {
            #expect(server.core.counterValue(named: "user>>>a@b>>>traffic>>>uplink") == Int64(carried))
        }
        await client.stop()
        await server.stop()
    }

    @Test(arguments: Hop.allCases)
    func oneSourceReachesSeveralTargets(_ hop: Hop) async throws {
        let echoes = try (0..<3).map { _ in try UDPSocket() }
        for echo in echoes { echo.echoInBackground() }
        let server = try await CoreStage { _ in try Self.inbound(hop) }
        var socks = Xray_Proxy_Socks_ServerConfig()
        socks.udpEnabled = true
        let client = try await CoreStage(outbound: Self.outbound(hop, port: server.port)) { [socks] _ in socks }
        let control = try TCPClient(port: client.port)
        let reply = try await offPool {
            try control.send([5, 1, 0])
            _ = try control.receive(exactly: 2)
            try control.send([5, 3, 0, 1, 0, 0, 0, 0, 0, 0])
            return try control.receive(exactly: 10)
        }
        let relay = UInt16(reply[8]) << 8 | UInt16(reply[9])
        let socket = try UDPSocket()
        for (index, echo) in echoes.enumerated() {
            let head: [UInt8] = [0, 0, 0, 1, 127, 0, 0, 1, UInt8(echo.port >> 8), UInt8(echo.port & 255)]
            let answer = try await offPool {
                try socket.send(head + [UInt8(index)], to: relay)
                return try socket.receive()
            }
            #expect(answer.bytes == head + [UInt8(index)], "the answer names its source")
        }
        #expect(await client.core.flowCount() == (hop.isFullCone ? 1 : 3))
        await client.stop()
        await server.stop()
    }

    @Test(arguments: [Hop.vless, .vmess, .trojan, .shadowsocks, .socks])
    func aServerThatIsNotThereEndsTheFlow(_ hop: Hop) async throws {
        let nobody = try TCPClient.freePort()
        let client = try await CoreStage(outbound: Self.outbound(hop, port: nobody)) { _ in
            CoreStage.tunnel(to: 9, [.udp])
        }
        let socket = try UDPSocket()
        try await offPool { try socket.send([1], to: client.port) }
        // Datagrams to a closed port are just lost; a connection that cannot be made ends the flow.
        if hop != .shadowsocks {
            try await eventually { await client.core.flowCount() == 0 }
        }
        await client.stop()
    }

    @Test func httpRefusesDatagrams() async throws {
        var http = Xray_Proxy_Http_ClientConfig()
        http.server = try Self.endpoint(9)
        let client = try await CoreStage(outbound: http) { _ in CoreStage.tunnel(to: 9, [.udp]) }
        let socket = try UDPSocket()
        try await offPool { try socket.send([1], to: client.port) }
        #expect(await client.core.flowCount() == 0)
        await client.stop()
    }
}
