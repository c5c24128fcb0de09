// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import ProxyCore
import SwiftProtobuf
import Testing
import XrayProtos

@testable import ProxyProtocols

struct TrojanInboundTests {
    private let inbound: TrojanInbound
    private let users: any UserManaging

    init() throws {
        var config = Xray_Proxy_Trojan_ServerConfig()
        config.users = [user("alice@example.com", trojanAccount("e1bc4fd8-cae4-4996-93d7-f00cb199fa9b"))]
        inbound = try TrojanInbound(config)
        users = try #require(inbound.users)
    }

    @Test func anAccountReadsBackAsXrayWritesIt() throws {
        let alice = try #require(users.user(email: "Alice@example.com"))
        let bytes: [UInt8] = try alice.message.serializedBytes()
        let recorded = ProxyProtocolsTests.bytes(
            """
            1211616c696365406578616d706c652e636f6d1a430a19787261792e70726f78792e74726f6a616e2e4163636f756e7412260a
            2465316263346664382d636165342d343939362d393364372d663030636231393966613962
            """)
        #expect(bytes == recorded)
    }

    @Test func theTableSpeaksXraysWords() throws {
        #expect(throws: ControlError("proxy/trojan: User ALICE@example.com already exists.")) {
            try users.add(user("ALICE@example.com", trojanAccount("x")))
        }
        #expect(throws: ControlError("proxy/trojan: User bob not found.")) { try users.remove(email: "bob") }
        #expect(throws: ControlError("proxy/trojan: Email must not be empty.")) { try users.remove(email: "") }
        #expect(throws: ControlError("proxy/trojan: account type is incorrect")) {
            try users.add(user("b", vlessAccount("x")))
        }
        let missing = ControlError("app/proxyman/command: failed to parse user > common/protocol: Account is missing")
        #expect(throws: missing) { try users.add(user("b")) }
        #expect(users.count == 1)
    }

    @Test func fallbackOfAnUnknownTypeIsRefused() {
        var config = Xray_Proxy_Trojan_ServerConfig()
        config.fallbacks = [.init()]
        #expect(throws: ControlError("proxy/trojan: fallback: unknown type \"\" (known: tcp, unix)")) {
            try TrojanInbound(config)
        }
    }
}
