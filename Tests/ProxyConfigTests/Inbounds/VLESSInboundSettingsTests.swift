// SPDX-License-Identifier: Apache-2.0
import Testing
import XrayProtos

struct VLESSInboundSettingsTests {
    private let id = "e1bc4fd8-cae4-4996-93d7-f00cb199fa9b"

    @Test func usersCarryTheirAccounts() throws {
        let config: Xray_Proxy_Vless_Inbound_Config = try inboundSettings(
            "vless",
            #"""
            {"decryption": "none", "flow": "xtls-rprx-vision", "clients": [
                {"id": "short", "email": "a", "level": 3}, {"id": "\#(id)", "flow": "xtls-rprx-vision"}]}
            """#)
        #expect(config.decryption == "none")
        #expect(config.users.map(\.email) == ["a", ""])
        #expect(config.users.map(\.level) == [3, 0])
        let accounts = try config.users.compactMap { try $0.account.typed(as: Xray_Proxy_Vless_Account.self) }
        #expect(accounts.map(\.flow) == ["xtls-rprx-vision", "xtls-rprx-vision"])
        #expect(accounts.last?.id == id)
        #expect(accounts.first?.id.count == 36)
    }

    @Test func clientsWinOverUsers() throws {
        let config: Xray_Proxy_Vless_Inbound_Config = try inboundSettings(
            "vless", #"{"decryption": "none", "users": [{"id": "a"}, {"id": "b"}], "clients": [{"id": "c"}]}"#)
        #expect(config.users.count == 1)
    }

    @Test func fallbacksAreRead() throws {
        let config: Xray_Proxy_Vless_Inbound_Config = try inboundSettings(
            "vless",
            #"{"decryption": "none", "fallbacks": [{"dest": 80}, {"path": "/x", "alpn": "h2", "dest": "/run/s", "xver": 2}]}"#
        )
        #expect(config.fallbacks.map(\.dest) == ["localhost:80", "/run/s"])
        #expect(config.fallbacks.map(\.type) == ["tcp", "unix"])
        #expect(config.fallbacks.map(\.xver) == [0, 2])
    }

    @Test func decryptionIsTakenApart() throws {
        let key = String(repeating: "A", count: 43)
        let config: Xray_Proxy_Vless_Inbound_Config = try inboundSettings(
            "vless", #"{"decryption": "mlkem768x25519plus.xorpub.300-600s.100-111-1111.75-0-111.\#(key)"}"#)
        #expect(config.xorMode == 1)
        #expect(config.secondsFrom == 300 && config.secondsTo == 600)
        #expect(config.padding == "100-111-1111.75-0-111")
        #expect(config.decryption == key)
    }

    @Test(arguments: [
        ("{}", "inbounds[0].settings: please add \"decryption\": \"none\" to the settings"),
        (
            #"{"decryption": ""}"#,
            "inbounds[0].settings.decryption: please add \"decryption\": \"none\" to the settings"
        ),
        (#"{"decryption": "x"}"#, "inbounds[0].settings.decryption: unknown decryption: \"x\""),
        (
            #"{"decryption": "mlkem768x25519plus.native.600s.tooShort"}"#,
            "inbounds[0].settings.decryption: unknown decryption: \"mlkem768x25519plus.native.600s.tooShort\""
        ),
        (#"{"decryption": "none", "users": [{}]}"#, "inbounds[0].settings.users[0]: a user needs an id"),
        (#"{"decryption": "none", "users": [null]}"#, "inbounds[0].settings.users[0]: an object is needed, found null"),
        (
            #"{"decryption": "none", "clients": [{"id": "a"}, {"id": "1234567890123456789012345678901"}]}"#,
            "inbounds[0].settings.clients[1].id: not a UUID: \"1234567890123456789012345678901\""
        ),
        (
            #"{"decryption": "none", "clients": [{"id": "a", "flow": "bad"}]}"#,
            "inbounds[0].settings.clients[0].flow: unknown flow: \"bad\""
        ),
        (
            #"{"decryption": "none", "clients": [{"id": "a", "encryption": "none"}]}"#,
            "inbounds[0].settings.clients[0].encryption: users of an inbound have no encryption"
        ),
        (
            #"{"decryption": "none", "clients": [{"id": "a", "email": "x@y"}, {"id": "b", "email": "X@Y"}]}"#,
            "inbounds[0].settings.clients[1]: duplicate user: X@Y"
        ),
        (
            #"{"decryption": "none", "clients": [{"id": "a", "reverse": {}}]}"#,
            "inbounds[0].settings.clients[0].reverse: a reverse needs a tag"
        ),
        (
            #"{"decryption": "none", "fallbacks": [{"dest": "nowhere"}]}"#,
            "inbounds[0].settings.fallbacks[0].dest: dest must be a port, an address with a port or a socket's path"
        ),
        (
            #"{"decryption": "none", "fallbacks": [{"dest": 80, "path": "x"}]}"#,
            "inbounds[0].settings.fallbacks[0].path: a path begins with /, found \"x\""
        ),
        (
            #"{"decryption": "none", "fallbacks": [{"dest": 80, "xver": 3}]}"#,
            "inbounds[0].settings.fallbacks[0].xver: 0, 1 or 2 is needed, found 3"
        ),
    ])
    func badSettingsAreRefused(settings: String, message: String) {
        #expect(inboundRefusal("vless", settings) == message)
    }
}
