// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import ProxyCore
import SwiftProtobuf
import Testing
import XrayProtos

@testable import ProxyProtocols

struct VLESSInboundTests {
    private static let alice = "e1bc4fd8-cae4-4996-93d7-f00cb199fa9b"
    private static let bob = "1aa7f84c-5884-4807-bb95-4503aba506c7"
    private let inbound: VLESSInbound
    private let users: any UserManaging

    init() throws {
        var config = Xray_Proxy_Vless_Inbound_Config()
        config.users = [user("alice@example.com", vlessAccount(Self.alice))]
        config.decryption = "none"
        inbound = try VLESSInbound(config)
        users = try #require(inbound.users)
    }

    private func message(_ action: () throws(ControlError) -> Void) -> String {
        do { try action() } catch { return error.message }
        return "ok"
    }

    @Test func anAccountReadsBackAsXrayWritesIt() throws {
        let alice = try #require(users.user(email: "ALICE@EXAMPLE.COM"))
        let bytes: [UInt8] = try alice.message.serializedBytes()
        let recorded = ProxyProtocolsTests.bytes(
            """
            1211616c696365406578616d706c652e636f6d1a420a18787261792e70726f78792e766c6573732e4163636f756e7412260a24
            65316263346664382d636165342d343939362d393364372d663030636231393966613962
            """)
        #expect(bytes == recorded)
    }

    @Test func aShortNameReadsBackAsTheIDThatItMeans() throws {
        try users.add(user("grace@example.com", level: 1, vlessAccount("not-a-uuid-but-a-short-name")))
        let grace = try #require(users.user(email: "grace@example.com"))
        let account = try Xray_Proxy_Vless_Account(serializedBytes: grace.account?.value ?? .init())
        #expect(account.id == "8592bae2-6af4-5528-9fa6-47dcbdec7ff4")
        #expect(grace.level == 1)
    }

    @Test func flowAndEncryptionReadBackAsGiven() throws {
        var account = vlessAccount(Self.bob, flow: "xtls-rprx-vision")
        account.encryption = "none"
        account.testseed = [1, 2, 3, 4]
        try users.add(user("bob@example.com", account))
        let bob = try #require(users.user(email: "bob@example.com"))
        #expect(try Xray_Proxy_Vless_Account(serializedBytes: bob.account?.value ?? .init()) == account)
    }

    @Test func emailsAreUniqueWithoutRegardToCase() {
        #expect(
            message { () throws(ControlError) in try users.add(user("ALICE@example.com", vlessAccount(Self.bob))) }
                == "proxy/vless: User ALICE@example.com already exists.")
        #expect(users.count == 1)
    }

    @Test func removalNamesWhatIsNotThere() throws {
        #expect(
            message { () throws(ControlError) in try users.remove(email: "No.Body@example.com") }
                == "proxy/vless: User No.Body@example.com not found.")
        #expect(
            message { () throws(ControlError) in try users.remove(email: "") }
                == "proxy/vless: Email must not be empty.")
        try users.remove(email: "Alice@Example.com")
        #expect(users.count == 0)
    }

    @Test func aUserWithoutEmailIsNotListed() throws {
        try users.add(user("", vlessAccount(Self.bob)))
        #expect(users.count == 1)
        #expect(users.all().map(\.email) == ["alice@example.com"])
    }

    @Test func theSameIDPassesToTheNewUser() throws {
        try users.add(user("heir@example.com", vlessAccount(Self.alice)))
        #expect(users.count == 2)
        let request = bytes("00e1bc4fd8cae4499693d7f00cb199fa9b00010050017f000001")
        let outcome = run(inbound.accept(connection), request)
        #expect(
            outcome.result
                == .stream(target: "tcp:127.0.0.1:80", user: "heir@example.com", header: "0000", route: 0x4996))
    }

    private static let parseFailures: [(Xray_Common_Protocol_User, String)] = {
        var unknownType = user("frank@example.com")
        unknownType.account = typed("xray.proxy.none.Account")
        var malformed = unknownType
        malformed.account = typed("xray.proxy.vless.Account", [0xff])
        return [
            (user("frank@example.com"), "common/protocol: Account is missing"),
            (unknownType, "proto: not found"),
            (malformed, "proto: cannot parse invalid wire-format data"),
            (
                user("grace@example.com", Xray_Proxy_Freedom_Config()),
                "common/protocol: Unknown account type: xray.proxy.freedom.Config"
            ),
            (
                user("heidi@example.com", vlessAccount("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")),
                "proxy/vless: failed to parse ID > common/uuid: invalid UUID: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
            ),
            (
                user("heidi@example.com", vlessAccount("zzb7c927-0f01-49bc-84bf-839e7ea4d488")),
                "proxy/vless: failed to parse ID > encoding/hex: invalid byte: U+007A 'z'"
            ),
            (
                user("heidi@example.com", vlessAccount("")),
                "proxy/vless: failed to parse ID > common/uuid: invalid UUID: "
            ),
        ]
    }()

    @Test(arguments: parseFailures)
    func anAccountThatCannotBeReadIsRefused(user: Xray_Common_Protocol_User, reason: String) {
        #expect(
            message { () throws(ControlError) in try users.add(user) }
                == "app/proxyman/command: failed to parse user > \(reason)")
        #expect(users.count == 1)
    }

    @Test func anotherProtocolsAccountIsRefused() {
        var account = Xray_Proxy_Trojan_Account()
        account.password = "x"
        #expect(
            message { () throws(ControlError) in try users.add(user("t@example.com", account)) }
                == "proxy/vless: account type is incorrect")
        #expect(users.count == 1)
    }

    @Test func settingsThatAreNotThereAreRefusedByName() {
        var encrypted = Xray_Proxy_Vless_Inbound_Config()
        encrypted.decryption = "mlkem768x25519plus.native.600s.x"
        #expect(
            message { () throws(ControlError) in _ = try VLESSInbound(encrypted) }
                == "proxy/vless/inbound: not available in this build: decryption \"mlkem768x25519plus.native.600s.x\"")
        var withFallbacks = Xray_Proxy_Vless_Inbound_Config()
        withFallbacks.fallbacks = [.init()]
        #expect(
            message { () throws(ControlError) in _ = try VLESSInbound(withFallbacks) }
                == "proxy/vless/inbound: fallback: unknown type \"\" (known: tcp, unix)")
    }

    @Test func configuredUsersAreCheckedAsAddedOnesAre() {
        var config = Xray_Proxy_Vless_Inbound_Config()
        config.users = [user("a", vlessAccount(Self.alice)), user("A", vlessAccount(Self.bob))]
        #expect(
            message { () throws(ControlError) in _ = try VLESSInbound(config) }
                == "proxy/vless/inbound: failed to initiate user > proxy/vless: User A already exists.")
        config.users = [user("a")]
        #expect(
            message { () throws(ControlError) in _ = try VLESSInbound(config) }
                == "proxy/vless/inbound: failed to get VLESS user > common/protocol: Account is missing")
    }
}
