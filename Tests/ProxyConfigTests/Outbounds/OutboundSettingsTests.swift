// SPDX-License-Identifier: Apache-2.0
import ProxyConfig
import Testing
import XrayProtos

struct OutboundSettingsTests {
    @Test func vlessInBothForms() throws {
        let flat: Xray_Proxy_Vless_Outbound_Config = try outboundSettings(
            "vless",
            #"{"address": "127.0.0.1", "port": 9, "id": "a", "encryption": "none", "flow": "xtls-rprx-vision-udp443", "email": "e"}"#
        )
        let older: Xray_Proxy_Vless_Outbound_Config = try outboundSettings(
            "vless",
            #"{"vnext": [{"address": "127.0.0.1", "port": 9, "users": [{"id": "a", "encryption": "none", "flow": "xtls-rprx-vision-udp443", "email": "e"}]}]}"#
        )
        #expect(flat == older)
        #expect(flat.vnext.port == 9 && flat.vnext.user.email == "e")
    }

    @Test(arguments: [
        (#"{"vnext": []}"#, "outbounds[0].settings.vnext: vnext must have exactly one element, found 0"),
        (#"{}"#, "outbounds[0].settings: vnext must have exactly one element, found 0"),
        (#"{"vnext": [{"port": 1}]}"#, "outbounds[0].settings.vnext[0]: the server's address is missing"),
        (
            #"{"vnext": [{"address": "a", "users": []}]}"#,
            "outbounds[0].settings.vnext[0].users: users must have exactly one element, found 0"
        ),
        (
            #"{"vnext": [{"address": "a", "users": [{"id": "x"}]}]}"#,
            "outbounds[0].settings.vnext[0].users[0]: please add \"encryption\": \"none\" to the user"
        ),
        (
            #"{"vnext": [{"address": "a", "users": [{"id": "x", "encryption": "y"}]}]}"#,
            "outbounds[0].settings.vnext[0].users[0].encryption: unknown encryption: \"y\""
        ),
        (
            #"{"vnext": [{"address": "a", "users": [{"id": "x", "encryption": "none", "reverse": {"tag": "t"}}]}]}"#,
            "outbounds[0].settings.vnext[0].users[0].reverse: reverse needs the flat form of the settings"
        ),
        (
            #"{"vnext": [{"address": "a", "port": 65536, "users": []}]}"#,
            "outbounds[0].settings.vnext[0].port: a whole number from 0 to 65535 is needed, found the number 65536"
        ),
    ])
    func badVLESSIsRefused(settings: String, message: String) {
        #expect(outboundRefusal("vless", settings) == message)
    }

    @Test func vmessInBothForms() throws {
        let flat: Xray_Proxy_Vmess_Outbound_Config = try outboundSettings(
            "vmess", #"{"address": "a.b", "port": 9, "id": "a", "security": "AES-128-GCM"}"#)
        let older: Xray_Proxy_Vmess_Outbound_Config = try outboundSettings(
            "vmess",
            #"{"vnext": [{"address": "a.b", "port": 9, "users": [{"id": "a", "security": "aes-128-gcm", "alterId": 0}]}]}"#
        )
        #expect(flat == older)
        #expect(outboundRefusal("vmess", #"{"vnext": [{}, {}]}"#) != nil)
    }

    @Test func trojanAndShadowsocks() throws {
        let trojan: Xray_Proxy_Trojan_ClientConfig = try outboundSettings(
            "trojan", #"{"servers": [{"address": "a.b", "port": 9, "password": "p", "email": "e"}]}"#)
        #expect(trojan.server.user.email == "e")
        for keys in [#""port": 9"#, #""password": "p""#, #""port": 9, "password": "p", "flow": "f""#] {
            #expect(outboundRefusal("trojan", #"{"servers": [{"address": "a.b", \#(keys)}]}"#) != nil)
        }
        let older: Xray_Proxy_Shadowsocks_ClientConfig = try outboundSettings(
            "shadowsocks", #"{"address": "a.b", "port": 9, "method": "aes-256-gcm", "password": "p"}"#)
        #expect(older.server.port == 9)
        let newer: Xray_Proxy_Shadowsocks2022_ClientConfig = try outboundSettings(
            "shadowsocks",
            #"{"servers": [{"address": "a.b", "port": 9, "method": "2022-blake3-aes-128-gcm", "password": "p"}]}"#)
        #expect(newer.key == "p")
        #expect(
            outboundRefusal("shadowsocks", #"{"address": "a", "port": 1, "password": "p", "method": "none"}"#) != nil)
    }

    @Test func socksAndHTTPUsersAreOptional() throws {
        let plain: Xray_Proxy_Socks_ClientConfig = try outboundSettings(
            "socks", #"{"address": "127.0.0.1", "port": 1}"#)
        #expect(!plain.server.hasUser)
        let named: Xray_Proxy_Socks_ClientConfig = try outboundSettings(
            "socks",
            #"{"servers": [{"address": "127.0.0.1", "port": 1, "users": [{"user": "u", "pass": "p", "level": 1}]}]}"#)
        #expect(try named.server.user.account.typed(as: Xray_Proxy_Socks_Account.self)?.password == "p")
        let http: Xray_Proxy_Http_ClientConfig = try outboundSettings(
            "http", #"{"address": "127.0.0.1", "port": 1, "user": "u", "pass": "p", "headers": {"B": "2", "A": "1"}}"#)
        #expect(http.header.map(\.key) == ["A", "B"])
        #expect(http.server.hasUser)
    }

    @Test func freedomRules() throws {
        let config: Xray_Proxy_Freedom_Config = try outboundSettings(
            "freedom",
            #"""
            {"domainStrategy": "UseIPv4", "redirect": "127.0.0.1:80", "proxyProtocol": 2,
             "fragment": {"packets": "1-3", "length": "100-200", "interval": 10},
             "noises": [{"type": "hex", "packet": "0aff", "delay": "1-2"}, {"type": "rand", "packet": "10-20", "applyTo": "ipv6"}],
             "finalRules": [{"action": "allow", "network": "tcp", "port": "80-90", "ip": ["10.0.0.0/8"]}, {"action": "block", "blockDelay": 5}]}
            """#)
        #expect(config.domainStrategy == .useIp4)
        #expect(config.destinationOverride.server.port == 80)
        #expect(config.fragment.packetsTo == 3 && config.fragment.lengthMax == 200 && config.fragment.intervalMin == 10)
        #expect(config.noises.map(\.packet.count) == [2, 0])
        #expect(config.noises[1].applyTo == "ipv6" && config.noises[1].lengthMin == 10)
        #expect(config.finalRules.map(\.action) == [.allow, .block])
        #expect(config.finalRules[1].blockDelay.max == 5)
    }

    @Test(arguments: [
        #"{"redirect": "nowhere"}"#, #"{"redirect": "a:x"}"#, #"{"noise": {}}"#,
        #"{"fragment": {"packets": "tlshello"}}"#,
        #"{"fragment": {"packets": "0-1", "length": 1, "interval": 1}}"#, #"{"noises": [{"type": "x"}]}"#,
        #"{"noises": [{"type": "rand", "packet": "0"}]}"#, #"{"noises": [{"type": "hex", "packet": "abc"}]}"#,
        #"{"finalRules": [{}]}"#, #"{"finalRules": [{"action": "allow", "blockDelay": "-1-5"}]}"#,
        #"{"finalRules": [{"action": "allow", "ip": ["x"]}]}"#,
    ])
    func badFreedomIsRefused(settings: String) {
        #expect(outboundRefusal("freedom", settings) != nil)
    }

    @Test func blackholeResponses() throws {
        let config: Xray_Proxy_Blackhole_Config = try outboundSettings("block", #"{"response": {"type": "http"}}"#)
        #expect(config.response.type == "xray.proxy.blackhole.HTTPResponse")
        #expect(
            outboundRefusal("block", #"{"response": {}}"#) == "outbounds[0].settings.response: a response needs a type")
    }

    @Test func dnsRules() throws {
        let config: Xray_Proxy_Dns_Config = try outboundSettings(
            "dns",
            #"{"network": "tcp", "address": "1.1.1.1", "port": 53, "rules": [{"action": "drop", "qType": "1-3,28", "domain": ["full:a.b"]}]}"#
        )
        #expect(config.rewriteServer.network == .tcp && config.rewriteServer.port == 53)
        #expect(config.rule[0].qType == [1, 2, 3, 28])
        let older: Xray_Proxy_Dns_Config = try outboundSettings("dns", #"{"nonIPQuery": "drop", "blockTypes": [65]}"#)
        #expect(older.rule.map(\.action) == [.drop, .hijack, .drop])
        #expect(outboundRefusal("dns", #"{"nonIPQuery": "drop", "rules": []}"#) != nil)
        #expect(outboundRefusal("dns", #"{"rules": [{"action": "x"}]}"#) != nil)
    }

    @Test func loopback() throws {
        let config: Xray_Proxy_Loopback_Config = try outboundSettings(
            "loopback", #"{"inboundTag": "x", "sniffing": {"enabled": true}}"#)
        #expect(config.inboundTag == "x" && config.sniffing.enabled)
    }
}
