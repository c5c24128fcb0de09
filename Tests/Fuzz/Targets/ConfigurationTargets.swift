// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyConfig
import ProxyModel

@testable import Automation

extension FuzzTarget {
    /// What is read from files and typed by people.
    static let configuration: [FuzzTarget] = [
        FuzzTarget("json-document", texts: jsonSeeds) { text in
            _ = try? JSONDocument(bytes: Array(text.utf8))
        },
        FuzzTarget("configuration", texts: configurationSeeds) { text in
            _ = try? ConfigurationLoader.load(text: text, environment: [:])
        },
        FuzzTarget(
            "cron", texts: ["*/5 * * * *", "0 30 2 29 feb mon-fri", "@every 5m", "0 0 31 */2 ?", "1-5/2 * L * 7"]
        ) {
            text in
            guard let cron = try? Cron(text, zone: .gmt) else { return }
            var time = Date(timeIntervalSince1970: 1_700_000_000)
            for _ in 0..<3 {
                guard let next = cron.next(after: time) else { break }
                require(next > time, "the next time is later")
                time = next
            }
        },
        FuzzTarget("quantities", texts: ["50GB", "1.5 MiB", "1h30m", "250ms", "-5s", "99999999999999999999TB"]) {
            text in
            _ = try? ByteSize.parse(text)
            _ = try? Duration(parsing: text)
            _ = DurationText.nanoseconds(text)
            _ = try? OverlapPolicy(text)
        },
        FuzzTarget("addresses", texts: ["127.0.0.1", "::ffff:1.2.3.4", "fe80::1%eth0", "1:2:3:4:5:6:7:8", "0x7f.1"]) {
            text in
            if let ip = IPAddress(text) {
                require(IPAddress(ip.description) == ip, "an address reads back as it is written: \(ip)")
            }
            _ = UserID(text)
        },
    ]

    private static let jsonSeeds = [
        #"{"a": [1, -2.5e3, "x\u00e9\n", true, null], /* c */ "b": {} // d"#,
        #"[[[[[[[[]]]]]]]]"#,
        "# comment\n{\"k\": \"\\ud83d\\ude00\"}",
    ]

    private static let configurationSeeds = [
        #"""
        {"log": {"loglevel": "info"}, "api": {"tag": "api", "listen": "127.0.0.1:1", "services": ["StatsService"]},
         "inbounds": [{"tag": "in", "port": "1-3,5", "protocol": "vless", "settings": {"clients":
           [{"id": "b831381d-6324-4d53-ad4f-8cda48b30811", "email": "a@x"}], "decryption": "none"},
           "streamSettings": {"network": "ws", "security": "tls", "wsSettings": {"path": "/x?ed=2048"}},
           "sniffing": {"enabled": true, "destOverride": ["http", "tls"]}}],
         "outbounds": [{"protocol": "freedom", "settings": {"domainStrategy": "UseIPv4"}}, {"protocol": "blackhole", "tag": "b"}],
         "routing": {"rules": [{"ip": ["10.0.0.0/8", "::1"], "port": "1-5", "outboundTag": "b"},
           {"domain": ["regexp:^a.*b$", "full:x.y", "keyword:k", "domain:z"], "network": "tcp,udp", "balancerTag": "l"}],
           "balancers": [{"tag": "l", "selector": ["b"], "fallbackTag": "b"}]},
         "policy": {"levels": {"0": {"handshake": 4, "statsUserUplink": true}}}, "stats": {}}
        """#,
        #"""
        {"inbounds": [{"port": 1, "protocol": "vmess", "settings": {"clients": [{"id": "x", "security": "auto"}]}},
          {"port": 2, "protocol": "trojan", "settings": {"clients": [{"password": "p"}], "fallbacks": [{"dest": 80}]}},
          {"port": 3, "protocol": "shadowsocks", "settings": {"method": "aes-128-gcm", "password": "p", "network": "tcp,udp"}},
          {"port": 4, "protocol": "socks", "settings": {"auth": "password", "accounts": [{"user": "u", "pass": "p"}], "udp": true}},
          {"listen": "/tmp/x.sock,0666", "protocol": "http", "settings": {}}],
         "automation": {"store": "s.db", "scripts": [{"file": "q.lua", "limits": {"memory": "64MB", "time": "10s"}}]}}
        """#,
    ]
}
