// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import XrayProtos

/// A protocol between two cores: the settings of one's inbound, and of the other's outbound to it.
enum ProxyHop: CaseIterable {
    case vless, vmess, vmessChaCha, trojan, shadowsocks, shadowsocksXChaCha, shadowsocks2022, shadowsocks2022Users
    case shadowsocks2022ChaCha, socks, socksWithPassword, http

    /// Settings of a relay in front of ``shadowsocks2022Users``, and of an outbound through it.
    static func relay(to port: UInt16) -> Xray_Proxy_Shadowsocks2022_RelayServerConfig {
        var config = Xray_Proxy_Shadowsocks2022_RelayServerConfig()
        config.method = "2022-blake3-aes-256-gcm"
        config.key = relayKey
        config.network = [.tcp, .udp]
        var destination = Xray_Proxy_Shadowsocks2022_RelayDestination()
        destination.key = portKey
        destination.address.address = .ip(Data([127, 0, 0, 1]))
        destination.port = UInt32(port)
        destination.email = "next@b"
        config.destinations = [destination]
        return config
    }

    static func throughRelay(port: UInt16) throws -> any SwiftProtobuf.Message {
        var config = Xray_Proxy_Shadowsocks2022_ClientConfig()
        config.address.address = .ip(Data([127, 0, 0, 1]))
        config.port = UInt32(port)
        config.method = "2022-blake3-aes-256-gcm"
        config.key = "\(relayKey):\(portKey):\(userKey)"
        return config
    }

    private static let relayKey = Data(repeating: 3, count: 32).base64EncodedString()

    static var forDatagrams: [ProxyHop] { allCases.filter { $0 != .http } }

    /// The longest datagram that the protocol carries, a little below what UDP does.
    var longest: Int {
        switch self {
        case .vless, .vmess, .vmessChaCha: 7_526
        case .trojan: 8_192
        default: 60_000
        }
    }

    /// The traffic is counted for a user of the inbound.
    var countsUser: Bool { ![.socks, .socksWithPassword, .http].contains(self) }

    private static let password = "correct horse battery staple"
    private static let portKey = Data(repeating: 1, count: 32).base64EncodedString()
    private static let userKey = Data(repeating: 2, count: 32).base64EncodedString()

    func inbound() throws -> any SwiftProtobuf.Message {
        switch self {
        case .vless: return try CoreStage.vless([(CoreStage.alice, "a@b")])
        case .vmess, .vmessChaCha:
            var config = Xray_Proxy_Vmess_Inbound_Config()
            config.user = [try Self.user(vmessAccount)]
            return config
        case .trojan:
            var config = Xray_Proxy_Trojan_ServerConfig()
            config.users = [try Self.user(Self.trojanAccount)]
            return config
        case .shadowsocks, .shadowsocksXChaCha:
            var config = Xray_Proxy_Shadowsocks_ServerConfig()
            config.network = [.tcp, .udp]
            config.users = [try Self.user(shadowsocksAccount)]
            return config
        case .shadowsocks2022, .shadowsocks2022ChaCha:
            var config = Xray_Proxy_Shadowsocks2022_ServerConfig()
            config.method = method2022
            config.key = Self.portKey
            config.email = "a@b"
            config.network = [.tcp, .udp]
            return config
        case .shadowsocks2022Users:
            var config = Xray_Proxy_Shadowsocks2022_MultiUserServerConfig()
            config.method = method2022
            config.key = Self.portKey
            var account = Xray_Proxy_Shadowsocks2022_Account()
            account.key = Self.userKey
            config.users = [try Self.user(account)]
            config.network = [.tcp, .udp]
            return config
        case .socks, .socksWithPassword:
            var config = Xray_Proxy_Socks_ServerConfig()
            config.udpEnabled = true
            config.address.address = .ip(Data([127, 0, 0, 1]))
            if self == .socksWithPassword {
                config.authType = .password
                config.accounts = ["alice": Self.password]
            }
            return config
        case .http: return Xray_Proxy_Http_ServerConfig()
        }
    }

    static var socksWithUDP: Xray_Proxy_Socks_ServerConfig {
        var config = Xray_Proxy_Socks_ServerConfig()
        config.udpEnabled = true
        return config
    }

    func outbound(port: UInt16) throws -> any SwiftProtobuf.Message {
        switch self {
        case .vless:
            var account = Xray_Proxy_Vless_Account()
            account.id = CoreStage.alice.uuidString
            var config = Xray_Proxy_Vless_Outbound_Config()
            config.vnext = try Self.endpoint(port, account)
            return config
        case .vmess, .vmessChaCha:
            var config = Xray_Proxy_Vmess_Outbound_Config()
            config.receiver = try Self.endpoint(port, vmessAccount)
            return config
        case .trojan:
            var config = Xray_Proxy_Trojan_ClientConfig()
            config.server = try Self.endpoint(port, Self.trojanAccount)
            return config
        case .shadowsocks, .shadowsocksXChaCha:
            var config = Xray_Proxy_Shadowsocks_ClientConfig()
            config.server = try Self.endpoint(port, shadowsocksAccount)
            return config
        case .shadowsocks2022, .shadowsocks2022Users, .shadowsocks2022ChaCha:
            var config = Xray_Proxy_Shadowsocks2022_ClientConfig()
            config.address.address = .ip(Data([127, 0, 0, 1]))
            config.port = UInt32(port)
            config.method = method2022
            config.key = self == .shadowsocks2022Users ? "\(Self.portKey):\(Self.userKey)" : Self.portKey
            return config
        case .socks, .socksWithPassword:
            var config = Xray_Proxy_Socks_ClientConfig()
            var account = Xray_Proxy_Socks_Account()
            account.username = "alice"
            account.password = Self.password
            config.server = try Self.endpoint(port, self == .socksWithPassword ? account : nil)
            return config
        case .http:
            var config = Xray_Proxy_Http_ClientConfig()
            config.server = try Self.endpoint(port)
            return config
        }
    }

    /// The inbound's user, or another one of the same kind.
    func user(number: Int? = nil) throws -> Xray_Common_Protocol_User {
        let id = number.map { _ in UUID() } ?? CoreStage.alice
        let suffix = number.map(String.init) ?? ""
        let account: any SwiftProtobuf.Message
        switch self {
        case .vmess, .vmessChaCha:
            var vmess = vmessAccount
            vmess.id = id.uuidString
            account = vmess
        case .trojan:
            var trojan = Self.trojanAccount
            trojan.password += suffix
            account = trojan
        case .shadowsocks, .shadowsocksXChaCha:
            var shadowsocks = shadowsocksAccount
            shadowsocks.password += suffix
            account = shadowsocks
        case .shadowsocks2022Users:
            var shadowsocks = Xray_Proxy_Shadowsocks2022_Account()
            shadowsocks.key =
                number.map { Data(repeating: UInt8(truncatingIfNeeded: 100 + $0), count: 32).base64EncodedString() }
                ?? Self.userKey
            account = shadowsocks
        default:
            var vless = Xray_Proxy_Vless_Account()
            vless.id = id.uuidString
            account = vless
        }
        var user = try Self.user(account)
        if let number { user.email = "user\(number)@b" }
        return user
    }

    static func endpoint(
        _ port: UInt16, _ account: (any SwiftProtobuf.Message)? = nil
    ) throws -> Xray_Common_Protocol_ServerEndpoint {
        var endpoint = Xray_Common_Protocol_ServerEndpoint()
        endpoint.address.domain = "localhost"
        endpoint.port = UInt32(port)
        if let account { endpoint.user = try user(account) }
        return endpoint
    }

    private static func user(_ account: any SwiftProtobuf.Message) throws -> Xray_Common_Protocol_User {
        var user = Xray_Common_Protocol_User()
        user.email = "a@b"
        user.account = try TypedMessages.pack(account)
        return user
    }

    private var vmessAccount: Xray_Proxy_Vmess_Account {
        var account = Xray_Proxy_Vmess_Account()
        account.id = CoreStage.alice.uuidString
        account.securitySettings.type = self == .vmess ? .aes128Gcm : .chacha20Poly1305
        return account
    }

    private static var trojanAccount: Xray_Proxy_Trojan_Account {
        var account = Xray_Proxy_Trojan_Account()
        account.password = password
        return account
    }

    private var shadowsocksAccount: Xray_Proxy_Shadowsocks_Account {
        var account = Xray_Proxy_Shadowsocks_Account()
        account.cipherType = self == .shadowsocks ? .aes256Gcm : .xchacha20Poly1305
        account.password = Self.password
        return account
    }

    private var method2022: String {
        self == .shadowsocks2022ChaCha ? "2022-blake3-chacha20-poly1305" : "2022-blake3-aes-256-gcm"
    }
}
