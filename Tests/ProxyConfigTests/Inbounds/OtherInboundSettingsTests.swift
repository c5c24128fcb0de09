// SPDX-License-Identifier: Apache-2.0
import ProxyConfig
import Testing
import XrayProtos

struct OtherInboundSettingsTests {
    @Test func vmessUsers() throws {
        let config: Xray_Proxy_Vmess_Inbound_Config = try inboundSettings(
            "vmess", #"{"clients": [{"id": "a", "alterId": 64, "email": "x", "level": 1}], "default": {"level": 2}}"#)
        #expect(config.default.level == 2)
        let account = try config.user[0].account.typed(as: Xray_Proxy_Vmess_Account.self)
        #expect(account?.securitySettings.type == .auto)
        #expect(
            inboundRefusal("vmess", #"{"clients": [{"id": ""}]}"#)
                == "inbounds[0].settings.clients[0].id: not a UUID: \"\"")
    }

    @Test func trojanUsers() throws {
        let config: Xray_Proxy_Trojan_ServerConfig = try inboundSettings(
            "trojan",
            #"{"users": [{"password": "p", "email": "x", "level": 255}], "fallbacks": [{"dest": "1.2.3.4:80"}]}"#)
        #expect(config.users[0].level == 255)
        #expect(try config.users[0].account.typed(as: Xray_Proxy_Trojan_Account.self)?.password == "p")
        #expect(config.fallbacks[0].type == "tcp")
        #expect(inboundRefusal("trojan", #"{"users": [{"level": 256}]}"#)?.contains("users[0].level") == true)
        #expect(
            inboundRefusal("trojan", #"{"clients": [{"password": "p", "flow": "f"}]}"#)
                == "inbounds[0].settings.clients[0].flow: the flow of trojan was removed")
    }

    @Test func shadowsocksOfTheOlderCiphers() throws {
        let single: Xray_Proxy_Shadowsocks_ServerConfig = try inboundSettings(
            "shadowsocks", #"{"method": "AES-128-GCM", "password": "p", "email": "e", "network": "tcp,udp"}"#)
        #expect(single.users.map(\.email) == ["e"])
        #expect(single.network == [.tcp, .udp])
        let several: Xray_Proxy_Shadowsocks_ServerConfig = try inboundSettings(
            "shadowsocks",
            #"{"users": [{"method": "chacha20-ietf-poly1305", "password": "p"}, {"method": "aead_aes_256_gcm", "password": "q"}]}"#
        )
        #expect(several.network == [.tcp])
        let ciphers = try several.users.map {
            try $0.account.typed(as: Xray_Proxy_Shadowsocks_Account.self)?.cipherType
        }
        #expect(ciphers == [.chacha20Poly1305, .aes256Gcm])
        let none: Xray_Proxy_Shadowsocks_ServerConfig = try inboundSettings("shadowsocks", #"{"users": []}"#)
        #expect(none.users.isEmpty)
    }

    @Test func shadowsocksOfThe2022Edition() throws {
        let method = "2022-blake3-aes-128-gcm"
        let single: Xray_Proxy_Shadowsocks2022_ServerConfig = try inboundSettings(
            "shadowsocks", #"{"method": "\#(method)", "password": "k", "email": "e"}"#)
        #expect(single.key == "k" && single.email == "e")
        let multi: Xray_Proxy_Shadowsocks2022_MultiUserServerConfig = try inboundSettings(
            "shadowsocks", #"{"method": "\#(method)", "password": "k", "clients": [{"password": "u", "email": "a"}]}"#)
        #expect(try multi.users[0].account.typed(as: Xray_Proxy_Shadowsocks2022_Account.self)?.key == "u")
        let relay: Xray_Proxy_Shadowsocks2022_RelayServerConfig = try inboundSettings(
            "shadowsocks",
            #"{"method": "\#(method)", "password": "k", "clients": [{"password": "u", "address": "1.2.3.4", "port": 9}]}"#
        )
        #expect(relay.destinations.map(\.port) == [9])
    }

    @Test(arguments: [
        (#"{"method": "aes-128-gcm"}"#, "inbounds[0].settings: a password is needed"),
        (#"{"method": "none", "password": "p"}"#, "inbounds[0].settings.method: unknown cipher method: \"none\""),
        (
            #"{"users": [{"password": "p", "method": "rc4"}]}"#,
            "inbounds[0].settings.users[0].method: unknown cipher method: \"rc4\""
        ),
        (
            #"{"method": "2022-blake3-chacha20-poly1305", "users": [{"password": "p"}]}"#,
            "inbounds[0].settings.method: several users need a 2022-blake3-aes method, found 2022-blake3-chacha20-poly1305"
        ),
        (
            #"{"method": "2022-blake3-aes-256-gcm", "users": [{"method": "x"}]}"#,
            "inbounds[0].settings.users[0].method: users of the 2022 edition have no method of their own"
        ),
    ])
    func badShadowsocksIsRefused(settings: String, message: String) {
        #expect(inboundRefusal("shadowsocks", settings) == message)
    }

    @Test func socksAndHTTPAccounts() throws {
        let socks: Xray_Proxy_Socks_ServerConfig = try inboundSettings(
            "socks",
            #"{"auth": "password", "accounts": [{"user": "a", "pass": "1"}, {"user": "a", "pass": "2"}], "udp": true, "ip": "::1"}"#
        )
        #expect(socks.authType == .password && socks.udpEnabled)
        #expect(socks.accounts == ["a": "2"])
        #expect(socks.address.ip.count == 16)
        let http: Xray_Proxy_Http_ServerConfig = try inboundSettings(
            "http", #"{"users": [{"user": "b", "pass": "3"}], "allowTransparent": true}"#)
        #expect(http.accounts == ["b": "3"] && http.allowTransparent)
        #expect(
            inboundRefusal("http", #"{"accounts": "x"}"#)
                == "inbounds[0].settings.accounts: a list is needed, found the text \"x\"")
    }

    @Test func tunnelsPreferTheOlderKeys() throws {
        let config: Xray_Proxy_Dokodemo_Config = try inboundSettings(
            "tunnel",
            #"""
            {"rewriteAddress": "a.b", "address": "127.0.0.1", "rewritePort": 1, "port": 2, "allowedNetwork": "udp",
             "network": ["tcp", "udp"], "portMap": {"80": "1.2.3.4:8080"}}
            """#)
        #expect(config.rewriteAddress.ip.count == 4)
        #expect(config.rewritePort == 2)
        #expect(config.allowedNetworks == [.tcp, .udp])
        #expect(config.portMap == ["80": "1.2.3.4:8080"])
        let plain: Xray_Proxy_Dokodemo_Config = try inboundSettings("dokodemo-door", "{}")
        #expect(plain.allowedNetworks == [.tcp] && !plain.hasRewriteAddress)
        #expect(inboundRefusal("tunnel", #"{"portMap": {"80": "x"}}"#)?.contains("host:port is needed") == true)
    }

    @Test func devicesAreDecoded() throws {
        let key = String(repeating: "ab", count: 32)
        let config: Xray_Proxy_Wireguard_DeviceConfig = try inboundSettings(
            "wireguard",
            #"{"secretKey": "\#(key)", "peers": [{"publicKey": "\#(key)", "email": "e"}], "reserved": [1, 2, 3]}"#)
        #expect(
            config.secretKey == key && config.mtu == 1420 && config.users[0].email == "e" && config.reserved.count == 3)
        let tun: Xray_Proxy_Tun_Config = try inboundSettings("tun", #"{"name": "t0"}"#)
        #expect(tun.mtu == 1500)
        let hysteria: Xray_Proxy_Hysteria_ServerConfig = try inboundSettings(
            "hysteria", #"{"version": 2, "users": [{"auth": "a"}]}"#)
        #expect(hysteria.users.count == 1)
    }
}
