// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import ProxyCore
import ProxyModel
import SwiftProtobuf
import Testing
import XrayProtos

@testable import ProxyProtocols

struct ShadowsocksInboundTests {
    private let users: any UserManaging

    init() throws {
        var config = Xray_Proxy_Shadowsocks_ServerConfig()
        config.network = [.tcp]
        config.users = [user("alice@example.com", shadowsocksAccount("e1bc4fd8-cae4-4996-93d7-f00cb199fa9b"))]
        users = try #require(ShadowsocksInbound(config).users)
    }

    @Test func anAccountReadsBackAsXrayWritesIt() throws {
        let alice = try #require(users.user(email: "Alice@example.com"))
        let bytes: [UInt8] = try alice.message.serializedBytes()
        let recorded = ProxyProtocolsTests.bytes(
            """
            1211616c696365406578616d706c652e636f6d1a4a0a1e787261792e70726f78792e736861646f77736f636b732e4163636f75
            6e7412280a2465316263346664382d636165342d343939362d393364372d6630306362313939666139621005
            """)
        #expect(bytes == recorded)
    }

    /// What the real core answered to the same calls.
    @Test func anEmailMayBeThereSeveralTimesAndARemovalTakesOne() throws {
        for (email, password) in [("bob", "1"), ("carol", "2"), ("bob", "3"), ("BOB", "4")] {
            try users.add(user(email, shadowsocksAccount(password)))
        }
        #expect(users.count == 5)
        try users.remove(email: "bob")
        #expect(users.all().map(\.email) == ["alice@example.com", "BOB", "carol", "bob"])
    }

    @Test func theTableSpeaksXraysWords() throws {
        #expect(throws: ControlError("proxy/shadowsocks: User gone@example.com not found.")) {
            try users.remove(email: "Gone@example.com")
        }
        #expect(throws: ControlError("proxy/shadowsocks: Email must not be empty.")) { try users.remove(email: "") }
        #expect(throws: ControlError("proxy/shadowsocks: account type is incorrect")) {
            try users.add(user("b", vlessAccount("x")))
        }
        let unsupported = ControlError(
            "app/proxyman/command: failed to parse user > proxy/shadowsocks: failed to get cipher > "
                + "proxy/shadowsocks: Unsupported cipher.")
        #expect(throws: unsupported) { try users.add(user("b", shadowsocksAccount("x", .unknown))) }
        #expect(throws: unsupported) { try users.add(user("b", shadowsocksAccount("x", .UNRECOGNIZED(9)))) }
        #expect(users.count == 1)
    }

    @Test func datagramsAreTakenWhereTheyAreAllowed() throws {
        var config = Xray_Proxy_Shadowsocks_ServerConfig()
        let streams = try ShadowsocksInbound(config)
        #expect(streams.networks == [.tcp] && streams.datagramFormat == nil)
        config.network = [.udp]
        let datagrams = try ShadowsocksInbound(config)
        #expect(datagrams.networks == [.udp] && datagrams.datagramFormat != nil)
    }
}
