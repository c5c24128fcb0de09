// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import ProxyCore
import SwiftProtobuf
import Testing
import XrayProtos

@testable import ProxyProtocols

struct VMessInboundTests {
    private let inbound: VMessInbound
    private let users: any UserManaging

    private func account(_ id: String) -> Xray_Proxy_Vmess_Account {
        var account = Xray_Proxy_Vmess_Account()
        account.id = id
        return account
    }

    init() throws {
        inbound = try VMessInbound(.init())
        users = try #require(inbound.users)
        try users.add(user("alice@example.com", account("e1bc4fd8-cae4-4996-93d7-f00cb199fa9b")))
    }

    @Test func anAccountReadsBackAsXrayWritesIt() throws {
        let alice = try #require(users.user(email: "Alice@example.com"))
        let bytes: [UInt8] = try alice.message.serializedBytes()
        let recorded = ProxyProtocolsTests.bytes(
            """
            1211616c696365406578616d706c652e636f6d1a460a18787261792e70726f78792e766d6573732e4163636f756e74122a0a24
            65316263346664382d636165342d343939362d393364372d6630306362313939666139621a020803
            """)
        #expect(bytes == recorded)
    }

    @Test func theTableSpeaksXraysWords() throws {
        #expect(throws: ControlError("proxy/vmess/inbound: User ALICE@example.com already exists.")) {
            try users.add(user("ALICE@example.com", account("x")))
        }
        #expect(throws: ControlError("proxy/vmess/inbound: User Bob not found.")) { try users.remove(email: "Bob") }
        #expect(throws: ControlError("proxy/vmess/inbound: Email must not be empty.")) { try users.remove(email: "") }
        #expect(throws: ControlError("proxy/vmess/inbound: account type is incorrect")) {
            try users.add(user("b", vlessAccount("x")))
        }
        #expect(users.count == 1)
    }

    @Test func usersWithoutEmailAreCountedAndStay() throws {
        try users.add(user("", account("x")))
        try users.add(user("", account("y")))
        try users.add(user("bob", account("z")))
        #expect(users.count == 4)
        try users.remove(email: "alice@example.com")
        try users.remove(email: "BOB")
        #expect(users.all().map(\.email) == ["", ""])
        #expect(users.user(email: "bob") == nil)
    }

    @Test func removalKeepsTheOthersWhereTheyCanBeFound() throws {
        for name in ["b", "c", "d"] { try users.add(user(name, account(name))) }
        try users.remove(email: "alice@example.com")
        try users.remove(email: "d")
        #expect(users.user(email: "b")?.email == "b")
        try users.remove(email: "b")
        #expect(users.all().map(\.email) == ["c"])
    }
}
