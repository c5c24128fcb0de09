// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import ProxyCore
import ProxyModel
import Testing
import XrayProtos

@testable import ProxyProtocols

struct Shadowsocks2022InboundTests {
    private let key = Data(repeating: 7, count: 16).base64EncodedString()

    private func account(_ byte: UInt8, count: Int = 16) -> Xray_Proxy_Shadowsocks2022_Account {
        var account = Xray_Proxy_Shadowsocks2022_Account()
        account.key = Data(repeating: byte, count: count).base64EncodedString()
        return account
    }

    private func multi() throws -> Shadowsocks2022Inbound {
        var config = Xray_Proxy_Shadowsocks2022_MultiUserServerConfig()
        config.method = "2022-blake3-aes-128-gcm"
        config.key = key
        config.users = [user("a@b", account(1))]
        config.network = [.tcp, .udp]
        return try Shadowsocks2022Inbound(config)
    }

    @Test func oneKeyServesOneUserWhomTheAPICannotChange() throws {
        var config = Xray_Proxy_Shadowsocks2022_ServerConfig()
        config.method = "2022-blake3-aes-128-gcm"
        config.key = key
        let inbound = try Shadowsocks2022Inbound(config)
        #expect(inbound.users == nil && inbound.networks == [.tcp] && inbound.datagramFormat == nil)
        config.method = "2022-blake3-chacha20-poly1305"
        #expect(throws: ControlError.self) { try Shadowsocks2022Inbound(config) }
        config.method = "rot13"
        #expect(throws: ControlError("proxy/shadowsocks_2022: unsupported method rot13")) {
            try Shadowsocks2022Inbound(config)
        }
    }

    @Test func theAPIAddsAndRemovesUsers() throws {
        let users = try #require(try multi().users)
        try users.add(user("c@d", account(2)))
        #expect(users.count == 2)
        #expect(throws: ControlError("proxy/shadowsocks_2022: User C@d already exists.")) {
            try users.add(user("C@d", account(3)))
        }
        #expect(throws: ControlError("proxy/shadowsocks_2022: the key has 3 bytes, 2022-blake3-aes-128-gcm needs 16")) {
            try users.add(user("e", account(3, count: 3)))
        }
        #expect(throws: ControlError("proxy/shadowsocks_2022: account type is incorrect")) {
            try users.add(user("e", shadowsocksAccount("x")))
        }
        try users.remove(email: "a@B")
        #expect(users.all().map(\.email) == ["c@d"])
        #expect(throws: ControlError("proxy/shadowsocks_2022: User a@b not found.")) { try users.remove(email: "a@b") }
    }

    @Test func severalUsersNeedABlockCipher() {
        var config = Xray_Proxy_Shadowsocks2022_MultiUserServerConfig()
        config.method = "2022-blake3-chacha20-poly1305"
        config.key = Data(repeating: 7, count: 32).base64EncodedString()
        #expect(throws: ControlError.self) { try Shadowsocks2022Inbound(config) }
    }

    @Test func anOutboundTakesAChainOfKeys() throws {
        var config = Xray_Proxy_Shadowsocks2022_ClientConfig()
        config.address.domain = "s.example"
        config.port = 8388
        config.method = "2022-blake3-aes-128-gcm"
        config.key = "\(key):\(account(1).key)"
        let outbound = try Shadowsocks2022Outbound(config)
        guard case .dial(let plan) = outbound.stream(for: session(to: "example.com", port: 443)),
            let preface = plan.handshake, let format = try multi() as Shadowsocks2022Inbound?
        else {
            Issue.record("no plan")
            return
        }
        let request = bytes(run(preface, answer: []).sent.joined())
        let outcome = run(format.accept(connection), request)
        #expect(outcome.result == .stream(target: "tcp:example.com:443", user: "a@b", header: "", route: 0))
        config.key = "\(key):"
        #expect(throws: ControlError.self) { try Shadowsocks2022Outbound(config) }
        config.method = "2022-blake3-chacha20-poly1305"
        config.key = [1, 2].map { account($0, count: 32).key }.joined(separator: ":")
        #expect(throws: ControlError("proxy/shadowsocks_2022: 2022-blake3-chacha20-poly1305 takes one key only")) {
            try Shadowsocks2022Outbound(config)
        }
    }
}
