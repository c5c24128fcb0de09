// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyConfig
import Testing
import XrayProtos

struct TLSSectionTests {
    private func tls(_ settings: String) throws -> Xray_Transport_Internet_Tls_Config {
        let config = try stream(#"{"security": "tls", "tlsSettings": \#(settings)}"#)
        #expect(config.securityType == "xray.transport.internet.tls.Config")
        return try #require(try config.securitySettings.first?.typed(as: Xray_Transport_Internet_Tls_Config.self))
    }

    @Test func settingsMayBeAbsent() throws {
        #expect(try stream(#"{"security": "TLS"}"#).securitySettings.count == 1)
        #expect(try stream(#"{"security": "none"}"#).securityType == "")
    }

    @Test func namesAndListsAreRead() throws {
        let pin = String(repeating: "ab", count: 32)
        let config = try tls(
            #"{"serverName": "a.b", "alpn": "h2,http/1.1", "fingerprint": "HelloChrome_106_Shuffle", "pinnedPeerCertSha256": " \#(pin) , "}"#
        )
        #expect(config.serverName == "a.b" && config.nextProtocol == ["h2", "http/1.1"])
        #expect(config.fingerprint == "hellochrome_106_shuffle")
        #expect(config.pinnedPeerCertSha256.map(\.count) == [32])
    }

    @Test func certificatesAreReadFromTextAndFile() throws {
        try withTemporaryFolder { folder in
            try write("CERT", to: "\(folder)/c.pem")
            let text = #"""
                {"outbounds": [{"protocol": "direct", "streamSettings": {"security": "tls", "tlsSettings": {"certificates": [
                    {"certificate": ["a", "b"], "key": ["k"]}, {"certificateFile": "c.pem", "usage": "verify"}]}}}]}
                """#
            let configuration = try ConfigurationLoader.load(text: text, directory: folder, environment: [:])
            let sender = try configuration.outbounds[0].senderSettings.typed(as: Xray_App_Proxyman_SenderConfig.self)
            let tls = try sender?.streamSettings.securitySettings[0].typed(as: Xray_Transport_Internet_Tls_Config.self)
            let certificates = try #require(tls?.certificate)
            #expect(certificates.map(\.certificate) == [Data("a\nb".utf8), Data("CERT".utf8)])
            #expect(certificates.map(\.oneTimeLoading) == [true, false])
            #expect(certificates[1].usage == .authorityVerify)
            #expect(certificates[1].certificatePath == "\(folder)/c.pem")
        }
    }

    @Test(arguments: [
        (#"{"allowInsecure": true}"#, "allowInsecure: allowInsecure was removed"),
        (#"{"fingerprint": "netscape"}"#, "fingerprint: unknown fingerprint: \"netscape\""),
        (#"{"fingerprint": "hellochrome_1"}"#, "fingerprint: unknown fingerprint"),
        (#"{"pinnedPeerCertSha256": "abcd"}"#, "pinnedPeerCertSha256: not a SHA-256 hash"),
        (#"{"alpn": ["fromMitm", "h2"]}"#, "alpn: fromMitm must be the only element"),
        (#"{"certificates": [{}]}"#, "certificates[0]: neither certificateFile nor certificate is given"),
        (
            #"{"certificates": [{"certificateFile": "/nowhere/c.pem"}]}"#,
            "certificates[0].certificateFile: the file cannot be read"
        ),
        (#"{"echServerKeys": "?"}"#, "echServerKeys: not base64"),
    ])
    func badSettingsAreRefused(settings: String, message: String) {
        let found = streamRefusal(#"{"security": "tls", "tlsSettings": \#(settings)}"#)
        #expect(found?.hasPrefix("outbounds[0].streamSettings.tlsSettings.\(message)") == true)
    }

    private let key = String(repeating: "A", count: 43)

    @Test func realityHasAServerAndAClientForm() throws {
        let server = try stream(
            #"{"security": "reality", "realitySettings": {"target": 443, "serverNames": ["a.b"], "privateKey": "\#(key)", "shortIds": ["", "0a"]}}"#
        )
        let config = try #require(
            try server.securitySettings.first?.typed(as: Xray_Transport_Internet_Reality_Config.self))
        #expect(config.dest == "localhost:443" && config.type == "tcp")
        #expect(config.shortIds == [Data(count: 8), Data([10, 0, 0, 0, 0, 0, 0, 0])])
        #expect(config.minClientVer == Data([26, 3, 27]))
        let client = try stream(
            #"{"security": "reality", "realitySettings": {"serverName": "a.b", "password": "\#(key)", "shortId": "0a", "spiderX": "/x?p=1-2&q=3"}}"#
        )
        let settings = try #require(
            try client.securitySettings.first?.typed(as: Xray_Transport_Internet_Reality_Config.self))
        #expect(settings.publicKey.count == 32 && settings.spiderX == "/x?q=3" && settings.spiderY.prefix(2) == [1, 2])
    }

    @Test(arguments: [
        #"{}"#, #"{"password": "short"}"#, #"{"target": "x"}"#, #"{"target": 80}"#,
        #"{"target": 80, "serverNames": ["a"], "privateKey": "x"}"#,
        #"{"password": "KEY", "serverNames": ["a"]}"#, #"{"password": "KEY", "shortId": "abc"}"#,
        #"{"password": "KEY", "spiderX": "x"}"#,
        #"{"password": "KEY", "fingerprint": "unsafe"}"#,
        #"{"target": 80, "serverNames": ["a"], "privateKey": "KEY", "shortIds": ["12345678901234567890"]}"#,
        #"{"target": 80, "serverNames": ["a"], "privateKey": "KEY", "shortIds": [""], "minClientVer": "1.2.3.4"}"#,
        #"{"target": 80, "serverNames": ["a"], "privateKey": "KEY", "shortIds": [""], "xver": 3}"#,
    ])
    func badRealityIsRefused(settings: String) {
        let text = settings.replacingOccurrences(of: "KEY", with: key)
        #expect(streamRefusal(#"{"security": "reality", "realitySettings": \#(text)}"#) != nil)
    }
}
