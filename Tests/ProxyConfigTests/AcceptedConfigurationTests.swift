// SPDX-License-Identifier: Apache-2.0
import Testing

/// Configurations that the original accepts, however odd they look.
struct AcceptedConfigurationTests {
    @Test(arguments: [
        "{}", "null", "# hash\n{}", #"{"log": null}"#, #"{"nonsense": {"a": 1}}"#, #"{"transport": {}}"#,
        #"{"inbounds": [{"port": "21060,21063", "listen": "127.0.0.1", "protocol": "socks", "settings": {}}]}"#,
        #"{"inbounds": [{"port": 0, "protocol": "socks"}]}"#,
        #"{"inbounds": [{"listen": "/tmp/x.sock", "protocol": "socks"}]}"#,
        #"{"inbounds": [{"port": 1, "protocol": "socks", "settings": {"auth": "password"}}]}"#,
        #"{"inbounds": [{"port": 1, "protocol": "vless", "settings": {"decryption": "none", "clients": [{"id": "short"}]}}]}"#,
        #"{"inbounds": [{"port": 1, "protocol": "vmess", "settings": {"clients": [{"id": "a", "alterId": 64}]}}]}"#,
        #"{"inbounds": [{"port": 1, "protocol": "http"}, {"port": 1, "protocol": "http"}]}"#,
        #"{"outbounds": [{"protocol": "Direct"}, {"protocol": "freedom"}]}"#,
        #"{"outbounds": [{"protocol": "freedom", "proxySettings": {"tag": "other"}}]}"#,
        #"{"outbounds": [{"protocol": "vmess", "settings": {"vnext": [{"address": "127.0.0.1", "port": 1, "users": [{"id": "a", "security": "none"}]}]}}]}"#,
        #"{"routing": {"rules": [{"port": "5-1", "outboundTag": "gone"}]}}"#,
        #"{"routing": {"rules": [{"network": "sctp", "outboundTag": "gone"}]}}"#,
        #"{"routing": {"rules": [{"port": 1, "outboundTag": "a", "ruleTag": "t"}, {"port": 2, "outboundTag": "a", "ruleTag": "t"}]}}"#,
        #"{"api": {"tag": "api", "services": ["Wrong"]}}"#, #"{"log": {"loglevel": "loud"}}"#,
        #"{"policy": {"levels": {"0": {"handshake": 4, "connIdle": 5}}}}"#,
        #"{"dns": {"servers": ["1.1.1.1", "localhost"]}}"#,
    ])
    func isAccepted(text: String) {
        #expect(refusal(text) == nil)
    }
}
