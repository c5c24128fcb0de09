// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing

@testable import XrayProtos

/// The bytes with a release beside them were written by code that was generated from that release's .proto files.
struct OlderSendersTests {
    private func data(_ hex: String) -> Data {
        let digits = hex.compactMap(\.hexDigitValue)
        return Data(stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) })
    }

    private func updated<M: Message>(_ type: M.Type, _ hex: String) throws -> M {
        var typed = Xray_Common_Serial_TypedMessage()
        typed.type = M.protoMessageName
        typed.value = data(hex)
        try OlderSenders.update(&typed)
        return try M(serializedBytes: typed.value)
    }

    private func refusal<M: Message>(_ type: M.Type, _ hex: String) -> String? {
        do {
            _ = try updated(type, hex)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func aPortRangeIsAPortList() throws {
        // port_range { 4000, 4001 }, listen 127.0.0.1, allocation_strategy, stream_settings 4, domain_override HTTP and TLS.
        let receiver = try updated(
            Xray_App_Proxyman_ReceiverConfig.self,
            "0a0608a01f10a11f" + "12060a047f000001" + "1a00" + "220b2a09776562736f636b6574" + "3a020001")
        #expect(receiver.portList.range.map(\.from) == [4000] && receiver.portList.range.map(\.to) == [4001])
        #expect(receiver.streamSettings.protocolName == "websocket")
        #expect(receiver.sniffingSettings.enabled)
        #expect(receiver.sniffingSettings.destinationOverride == ["http", "tls"])
        #expect(receiver.unknownFields.data.isEmpty)
    }

    @Test func aTransportWithoutANameIsNamed() throws {
        let receiver = try updated(Xray_App_Proxyman_ReceiverConfig.self, "0a0608a01f10a11f" + "22020803")
        #expect(receiver.streamSettings.protocolName == "websocket")
        #expect(refusal(Xray_App_Proxyman_ReceiverConfig.self, "0a0608a01f10a11f" + "22020805") != nil)
    }

    @Test func theReceiverOfTheReleaseOfNovember2024IsRead() throws {
        let receiver = try updated(
            Xray_App_Proxyman_ReceiverConfig.self,
            """
            0a080a0608a01f10a11f12060a047f0000011a0022052a0374637028013a3008011204687474701203746c731a16436f75726965722e7075\
            73682e6170706c652e636f6d1a097265676578703a5e61
            """)
        #expect(receiver.portList.range.count == 1 && receiver.streamSettings.protocolName == "tcp")
        #expect(receiver.receiveOriginalDestination)
        let excluded = receiver.sniffingSettings.domainsExcluded.map(\.custom)
        #expect(excluded.map(\.value) == ["courier.push.apple.com", "^a"])
        #expect(excluded.map(\.type) == [.full, .regex])
        #expect(receiver.unknownFields.data.isEmpty)
    }

    @Test func allocationThatIsNotThePlainOneIsRefused() {
        for hex in ["0a0608a01f10a11f1a020801", "1a020801"] {
            let text = refusal(Xray_App_Proxyman_ReceiverConfig.self, hex)
            #expect(text?.contains("allocation_strategy") == true)
        }
    }

    @Test func theRuleOfTheReleaseOfNovember2024IsRead() throws {
        let config = try updated(
            Xray_App_Router_Config.self,
            """
            12540a07626c6f636b6564120f0802120b6578616d706c652e636f6d1205120361647352250a02434e12080a040a00000010081215\
            0a10000000000000000000000000000000011080018a01036d70689201036f6c64
            """)
        let rule = try #require(config.rule.first)
        #expect(rule.ruleTag == "old" && rule.tag == "blocked" && !rule.hasLocalPortList && rule.localIp.isEmpty)
        #expect(rule.domain.map(\.custom.value) == ["example.com", "ads"])
        #expect(rule.domain.map(\.custom.type) == [.domain, .substr])
        #expect(rule.ip.map(\.custom.cidr.prefix) == [8, 128] && rule.ip.allSatisfy { !$0.custom.reverseMatch })
        #expect(rule.unknownFields.data.isEmpty)
    }

    @Test func conditionsThatWereDroppedComeBack() throws {
        // cidr 3, port_range 4, network_list 5, source_cidr 6.
        let config = try updated(
            Xray_App_Router_Config.self,
            "121c" + "1a080a040a0000001008" + "220408501050" + "2a020802" + "32060a047f000001")
        let rule = try #require(config.rule.first)
        #expect(rule.ip.map(\.custom.cidr.ip) == [Data([10, 0, 0, 0])])
        #expect(rule.sourceIp.map(\.custom.cidr.ip) == [Data([127, 0, 0, 1])])
        #expect(rule.portList.range.map(\.from) == [80] && rule.networks == [.tcp])
    }

    @Test(arguments: [
        // GeoIP without networks; two negated GeoIPs; RawTCP.
        ("120652040a02434e", "without networks"),
        ("1218520a12060a0401020304180152" + "0a12060a04010203051801", "several negated"), ("12026801", "RawTCP"),
    ])
    func conditionsWithoutAnEquivalentAreRefused(hex: String, text: String) {
        let refusal = refusal(Xray_App_Router_Config.self, hex)
        #expect(refusal?.contains(text) == true, "\(refusal ?? "accepted")")
    }

    @Test func swappedFieldsOfVLESSAreSwappedBack() throws {
        let config = try updated(
            Xray_Proxy_Vless_Inbound_Config.self,
            "0a0312016112046e6f6e651a1522037463702a0c3132372e302e302e313a38303001")
        #expect(config.decryption == "none" && config.users.map(\.email) == ["a"])
        #expect(config.fallbacks.map(\.dest) == ["127.0.0.1:80"] && config.fallbacks.map(\.xver) == [1])
    }

    @Test func fallbacksOfTrojanMove() throws {
        let config = try updated(Xray_Proxy_Trojan_ServerConfig.self, "0a031201611a052a03613a31")
        #expect(config.users.count == 1 && config.fallbacks.map(\.dest) == ["a:1"])
    }

    @Test func usersOfShadowsocks2022GetAnAccount() throws {
        let config = try updated(
            Xray_Proxy_Shadowsocks2022_MultiUserServerConfig.self, "0a016d12016b1a0b0a02756b120361406218" + "02")
        let user = try #require(config.users.first)
        #expect(user.email == "a@b" && user.level == 2)
        #expect(try user.account.typed(as: Xray_Proxy_Shadowsocks2022_Account.self)?.key == "uk")
    }

    @Test func severalServersAreRefused() {
        #expect(refusal(Xray_Proxy_Vmess_Outbound_Config.self, "0a0310bb03") == nil)
        #expect(
            refusal(Xray_Proxy_Vmess_Outbound_Config.self, "0a0310bb030a0310bb03")?.contains("2 servers") == true)
        #expect(refusal(Xray_Proxy_Trojan_ClientConfig.self, "0a021200")?.contains("field 2") == true)
        #expect(refusal(Xray_Proxy_Trojan_ClientConfig.self, "0a041a001a00")?.contains("2 users") == true)
    }

    @Test func theServerOfDNSMovesAndItsTypesAreRefused() throws {
        let config = try updated(Xray_Proxy_Dns_Config.self, "0a0408031835" + "1005")
        #expect(config.userLevel == 5 && config.rewriteServer.network == .udp)
        #expect(refusal(Xray_Proxy_Dns_Config.self, "1a0464726f70")?.contains("non_IP_query") == true)
    }

    @Test func whatWasDroppedForSafetyIsNotPassedOver() throws {
        var receiver = Xray_App_Proxyman_SenderConfig()
        receiver.streamSettings.securitySettings = [
            .with {
                $0.type = "xray.transport.internet.tls.Config"
                $0.value = data("0801")
            }
        ]
        var typed = try TypedMessages.pack(receiver)
        let refusal = #expect(throws: OlderSenders.Refusal.self) { try OlderSenders.update(&typed) }
        #expect(refusal?.description.contains("allow_insecure") == true)
    }

    @Test func aFieldInAnotherWireTypeIsRefused() {
        // kcp.Config.mtu as a message, as it was until v26.4.13.
        let text = refusal(Xray_Transport_Internet_Kcp_Config.self, "0a0308dc0a")
        #expect(text?.contains("xray.transport.internet.kcp.Config: field 1 is no mtu") == true)
    }

    /// Today's messages of every type go through as they are.
    @Test func todaysMessagesAreNotTouched() throws {
        var random = RandomMessages(seed: 11)
        for name in TypedMessages.names {
            guard let descriptor = DescriptorPool.shared.message(name), OlderSenders.dropped[name] == nil else {
                continue
            }
            for _ in 0..<20 {
                let message = random.message(descriptor)
                var typed = Xray_Common_Serial_TypedMessage()
                typed.type = name
                typed.value = Data(try message.serialized())
                let before = typed
                // Some random texts look like what another release would have sent; what is refused is not changed.
                do { try OlderSenders.update(&typed) } catch { continue }
                guard !Self.carryOld.contains(name) else { continue }
                #expect(typed == before, "\(name)")
            }
        }
    }

    private static let carryOld: Set = [
        "xray.app.proxyman.ReceiverConfig", "xray.app.router.Config", "xray.proxy.vless.inbound.Config",
        "xray.proxy.dns.Config",
    ]

    @Test func hostileBytesAreLeftAlone() {
        var generator = SystemRandomNumberGenerator()
        let types = [
            "xray.app.proxyman.ReceiverConfig", "xray.app.router.Config", "xray.proxy.vless.inbound.Config",
            "xray.proxy.shadowsocks_2022.MultiUserServerConfig", "xray.proxy.dns.Config", "no.such.Type",
        ]
        for type in types {
            for length in 0..<200 {
                var typed = Xray_Common_Serial_TypedMessage()
                typed.type = type
                typed.value = Data((0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) })
                try? OlderSenders.update(&typed)
            }
        }
    }

    @Test func theWireSurvivesTheTrip() throws {
        let bytes = Array(data("0a0312016112046e6f6e6508ffffffffffffffffff010d0100000011010000000000000022" + "00"))
        #expect(WireMessage(bytes)?.bytes == bytes)
        for length in 0..<bytes.count { _ = WireMessage(bytes.prefix(length)) }
        for hex in ["08", "0a05", "0b", "00", "0affffffffffffffffffff01", "08ffffffffffffffffffff01", "0d010203"] {
            #expect(WireMessage(data(hex)) == nil, "\(hex)")
        }
    }
}
