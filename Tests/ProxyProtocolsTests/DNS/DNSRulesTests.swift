// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import NIOCore
import Routing
import Testing
import XrayProtos

@testable import ProxyProtocols

struct DNSRulesTests {
    private static func query(
        _ name: String, type: UInt16, flags: UInt16 = 0x0100, inClass questionClass: UInt16 = 1
    ) throws -> DNSQuery {
        var buffer = ByteBuffer()
        buffer.writeMultipleIntegers(UInt16(7), flags, UInt16(1), UInt16(0), UInt16(0), UInt16(0))
        for label in name.split(separator: ".") {
            buffer.writeInteger(UInt8(label.utf8.count))
            buffer.writeString(String(label))
        }
        buffer.writeMultipleIntegers(UInt8(0), type, questionClass)
        return try #require(DNSQuery(buffer))
    }

    private static func rule(
        _ action: Xray_Proxy_Dns_RuleAction, types: [Int32] = [], domain: String? = nil, code: UInt32 = 0
    ) -> Xray_Proxy_Dns_DNSRuleConfig {
        var rule = Xray_Proxy_Dns_DNSRuleConfig()
        rule.action = action
        rule.qType = types
        rule.rCode = code
        if let domain {
            var custom = Xray_Common_Geodata_Domain()
            custom.type = .domain
            custom.value = domain
            var named = Xray_Common_Geodata_DomainRule()
            named.custom = custom
            rule.domain = [named]
        }
        return rule
    }

    private static func rules(_ configs: [Xray_Proxy_Dns_DNSRuleConfig]) throws -> DNSRules {
        try DNSRules(configs, assets: AssetDirectory(), scope: "proxy/dns")
    }

    @Test func withoutRulesAddressesAreLookedUpAndOthersAreEmpty() throws {
        let rules = try Self.rules([])
        #expect(rules.action(for: try Self.query("a.example", type: 1)) == .lookUp)
        #expect(rules.action(for: try Self.query("a.example", type: 28)) == .lookUp)
        #expect(rules.action(for: try Self.query("a.example", type: 16)) == .answer(code: 0))
    }

    @Test func firstRuleThatFitsTypeAndNameDecides() throws {
        let rules = try Self.rules([
            Self.rule(.drop, types: [65]), Self.rule(.return, domain: "ads.example", code: 3),
            Self.rule(.hijack, types: [1, 28]), Self.rule(.direct),
        ])
        #expect(rules.action(for: try Self.query("x.ads.example", type: 65)) == .drop)
        #expect(rules.action(for: try Self.query("X.ADS.example", type: 1)) == .answer(code: 3))
        #expect(rules.action(for: try Self.query("example", type: 28)) == .lookUp)
        #expect(rules.action(for: try Self.query("example", type: 15)) == .forward)
    }

    @Test func onlyAddressesOfHostsAreLookedUp() throws {
        let rules = try Self.rules([Self.rule(.hijack, code: 3)])
        #expect(rules.action(for: try Self.query("a", type: 16)) == .answer(code: 0))
        #expect(rules.action(for: try Self.query("", type: 1)) == .answer(code: 0))
        #expect(rules.action(for: try Self.query("a\u{0}b", type: 1)) == .answer(code: 3))
        #expect(rules.action(for: try Self.query("a", type: 1, inClass: 3)) == .answer(code: 4))
        #expect(rules.action(for: try Self.query("a", type: 1, flags: 0x2800)) == .answer(code: 4))
    }

    @Test func numbersThatDNSHasNoPlaceForAreRefused() {
        #expect(throws: ControlError("proxy/dns: rules[1]: rCode 16 is not in 0-15")) {
            try Self.rules([Self.rule(.drop), Self.rule(.return, code: 16)])
        }
        #expect(throws: ControlError("proxy/dns: rules[0]: qType 65536 is not in 0-65535")) {
            try Self.rules([Self.rule(.drop, types: [65_536])])
        }
        #expect(throws: ControlError("proxy/dns: rules[0]: unknown action: 9")) {
            try Self.rules([Self.rule(.UNRECOGNIZED(9))])
        }
    }
}
