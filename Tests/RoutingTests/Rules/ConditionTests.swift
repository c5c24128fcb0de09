// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Routing
import SwiftProtobuf
import Testing
import XrayProtos

/// One rule and connections that it holds for, or does not; the expectations are those of recorded answers of Xray.
struct ConditionCase: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let rule: Xray_App_Router_RoutingRule
    let context: RoutingContext
    let holds: Bool

    init(
        _ description: String, _ holds: Bool, _ rule: (inout Xray_App_Router_RoutingRule) -> Void,
        _ context: (inout RoutingContext) -> Void
    ) {
        testDescription = description
        self.holds = holds
        self.rule = .to("out", rule)
        self.context = .with(context)
    }
}

struct ConditionTests {
    @Test(arguments: texts + numbers + domainNames + addresses + attributeMaps + combinations)
    func ruleHoldsAsInXray(_ item: ConditionCase) throws {
        let router = try Router([item.rule])
        let expected = item.holds ? RoutePick.outbound(tag: "out", ruleTag: "rule-out") : .none
        #expect(router.pick(item.context) == expected)
    }

    static let texts: [ConditionCase] = [
        .init("inbound tag equal", true, { $0.inboundTag = ["a", "entry2"] }, { $0.inboundTag = "entry2" }),
        .init("inbound tag longer", false, { $0.inboundTag = ["entry2"] }, { $0.inboundTag = "entry22" }),
        .init("inbound tag unknown", false, { $0.inboundTag = ["", "entry2"] }, { _ in }),
        .init("protocol equal", true, { $0.protocol = ["bittorrent"] }, { $0.sniffedProtocol = "bittorrent" }),
        .init("protocol begins", true, { $0.protocol = ["http"] }, { $0.sniffedProtocol = "http1" }),
        .init("protocol shorter", false, { $0.protocol = ["bittorrent"] }, { $0.sniffedProtocol = "bit" }),
        .init("protocol unknown", false, { $0.protocol = ["", "http"] }, { _ in }),
        .init("user equal", true, { $0.userEmail = ["dave@example.com"] }, { $0.user = "dave@example.com" }),
        .init("user in upper case", false, { $0.userEmail = ["dave@example.com"] }, { $0.user = "DAVE@EXAMPLE.COM" }),
        .init("user pattern", true, { $0.userEmail = ["x", "regexp:^team-"] }, { $0.user = "team-1@x" }),
        .init("user pattern elsewhere", false, { $0.userEmail = ["regexp:^team-"] }, { $0.user = "a-team-1" }),
        .init("user pattern unanchored", true, { $0.userEmail = ["regexp:eam"] }, { $0.user = "a-team-1" }),
        .init("invalid user pattern is left out", true, { $0.userEmail = ["regexp:(", "u"] }, { $0.user = "u" }),
        .init("user unknown", false, { $0.userEmail = ["", "regexp:.*"] }, { _ in }),
        .init("other system", false, { $0.localOs = ["plan9"] }, { _ in }),
    ]

    static let numbers: [ConditionCase] = [
        .init("network listed", true, { $0.networks = [.tcp, .udp] }, { $0.network = .udp }),
        .init("network not listed", false, { $0.networks = [.tcp] }, { $0.network = .udp }),
        .init("network unknown", false, { $0.networks = [.tcp, .udp] }, { _ in }),
        .init("unknown network named", true, { $0.networks = [.unknown] }, { _ in }),
        .init("network beyond the enumeration", false, { $0.networks = [.UNRECOGNIZED(900)] }, { $0.network = .tcp }),
        .init("port at the lower bound", true, { $0.portList = ports(25...25, 6000...6100) }, { $0.targetPort = 6000 }),
        .init("port at the upper bound", true, { $0.portList = ports(25...25, 6000...6100) }, { $0.targetPort = 6100 }),
        .init("port above", false, { $0.portList = ports(25...25, 6000...6100) }, { $0.targetPort = 6101 }),
        .init("port below", false, { $0.portList = ports(25...25, 6000...6100) }, { $0.targetPort = 5999 }),
        .init(
            "port in the inner of two ranges", true, { $0.portList = ports(1...90, 20...30) }, { $0.targetPort = 60 }),
        .init("port list without ranges", false, { $0.portList = .init() }, { _ in }),
        .init("unknown port is 0", true, { $0.portList = ports(0...0) }, { _ in }),
        .init("largest port", true, { $0.portList = ports(1...65535) }, { $0.targetPort = 65535 }),
        .init("source port", true, { $0.sourcePortList = ports(53...53) }, { $0.sourcePort = 53 }),
        .init("source port is not the target's", false, { $0.sourcePortList = ports(53...53) }, { $0.targetPort = 53 }),
        .init("local port", true, { $0.localPortList = ports(80...90) }, { $0.localPort = 85 }),
        .init("VLESS route", true, { $0.vlessRouteList = ports(7...9) }, { $0.vlessRoute = 8 }),
        .init("VLESS route outside", false, { $0.vlessRouteList = ports(7...9) }, { $0.vlessRoute = 10 }),
    ]

    static let domainNames: [ConditionCase] = [
        .init("full", true, { $0.domain = domains("full:alice.test") }, { $0.targetDomain = "alice.test" }),
        .init(
            "full, subdomain", false, { $0.domain = domains("full:alice.test") }, { $0.targetDomain = "a.alice.test" }),
        .init("full, upper case", true, { $0.domain = domains("full:alice.test") }, { $0.targetDomain = "ALICE.TEST" }),
        .init(
            "upper-case rule", true, { $0.domain = domains("domain:Bob.Test") }, { $0.targetDomain = "www.bob.test" }),
        .init("domain itself", true, { $0.domain = domains("domain:bob.test") }, { $0.targetDomain = "bob.test" }),
        .init(
            "domain, subdomain", true, { $0.domain = domains("domain:bob.test") }, { $0.targetDomain = "w.bob.test" }),
        .init("domain, no dot", false, { $0.domain = domains("domain:bob.test") }, { $0.targetDomain = "notbob.test" }),
        .init(
            "domain, longer", false, { $0.domain = domains("domain:bob.test") }, { $0.targetDomain = "bob.test.org" }),
        .init("keyword", true, { $0.domain = domains("carol") }, { $0.targetDomain = "xxcarolyy.org" }),
        .init("keyword absent", false, { $0.domain = domains("carol") }, { $0.targetDomain = "caro.org" }),
        .init("pattern", true, { $0.domain = domains("regexp:^r[0-9]+\\.test$") }, { $0.targetDomain = "r12.test" }),
        .init(
            "anchored", false, { $0.domain = domains("regexp:^r[0-9]+\\.test$") }, { $0.targetDomain = "r1.test.org" }),
        .init("pattern in upper case", false, { $0.domain = domains("regexp:R") }, { $0.targetDomain = "R.test" }),
        .init("any of several", true, { $0.domain = domains("full:a", "domain:b", "c") }, { $0.targetDomain = "x.b" }),
        .init("domain unknown", false, { $0.domain = domains("regexp:.*") }, { $0.targetIPs = [.loopbackV4] }),
    ]

    static let addresses: [ConditionCase] = [
        .init("block", true, { $0.ip = ips("10.1.0.0/16") }, { $0.targetIPs = list("10.1.9.9") }),
        .init("other block", false, { $0.ip = ips("10.1.0.0/16") }, { $0.targetIPs = list("10.2.9.9") }),
        .init("IPv6 block", true, { $0.ip = ips("10.1.0.0/16", "fd00::/8") }, { $0.targetIPs = list("fd12::1") }),
        .init("prefix past 64", false, { $0.ip = ips("2001:db8::/96") }, { $0.targetIPs = list("2001:db8::1:0:1") }),
        .init("prefix 0", true, { $0.ip = ips("0.0.0.0/0") }, { $0.targetIPs = list("8.8.8.8") }),
        .init("prefix 0 of the other family", false, { $0.ip = ips("0.0.0.0/0") }, { $0.targetIPs = list("::1") }),
        .init("host bits set", true, { $0.ip = ips("172.1.0.251/14") }, { $0.targetIPs = list("172.3.255.255") }),
        .init("one of several", true, { $0.ip = ips("8.8.8.8") }, { $0.targetIPs = list("1.1.1.1", "8.8.8.8") }),
        .init("negated", true, { $0.ip = ips("!10.0.0.0/8") }, { $0.targetIPs = list("11.0.0.1") }),
        .init("negated, inside", false, { $0.ip = ips("!10.0.0.0/8") }, { $0.targetIPs = list("10.0.0.1") }),
        .init("negated, other family", false, { $0.ip = ips("!10.0.0.0/8") }, { $0.targetIPs = list("2001:db8::1") }),
        .init("all negated", false, { $0.ip = ips("!10.0.0.0/8", "!8.0.0.0/8") }, { $0.targetIPs = list("8.0.0.1") }),
        .init(
            "plain or negated", true, { $0.ip = ips("10.1.0.0/16", "!10.0.0.0/8") }, { $0.targetIPs = list("10.1.0.1") }
        ),
        .init("source", true, { $0.sourceIp = ips("192.168.7.0/24") }, { $0.sourceIPs = list("192.168.7.1") }),
        .init("source is not the target", false, { $0.sourceIp = ips("8.8.8.8") }, { $0.targetIPs = list("8.8.8.8") }),
        .init("local", true, { $0.localIp = ips("127.0.0.0/8") }, { $0.localIPs = list("127.0.0.1") }),
        .init("addresses unknown", false, { $0.ip = ips("0.0.0.0/0", "!::/0") }, { _ in }),
        .init("domains have no address", false, { $0.ip = ips("!10.0.0.0/8") }, { $0.targetDomain = "a.test" }),
    ]

    static let attributeMaps: [ConditionCase] = [
        .init("attribute", true, { $0.attributes = [":method": "GET"] }, { $0.attributes = [":method": "GET"] }),
        .init("other value", false, { $0.attributes = [":method": "GET"] }, { $0.attributes = [":method": "POST"] }),
        .init("unanchored", true, { $0.attributes = [":path": "api"] }, { $0.attributes = [":path": "/v1/api/x"] }),
        .init(
            "rule's key in upper case", true, { $0.attributes = ["Accept": "x"] }, { $0.attributes = ["accept": "x"] }),
        .init("missing key", false, { $0.attributes = ["a": ".", "b": "."] }, { $0.attributes = ["a": "1"] }),
        .init("no attributes", false, { $0.attributes = ["a": ""] }, { _ in }),
    ]

    static let combinations: [ConditionCase] = [
        .init(
            "every condition holds", true,
            {
                $0.networks = [.tcp]
                $0.portList = ports(25...25)
                $0.sourceIp = ips("10.0.0.0/8")
            },
            {
                $0.network = .tcp
                $0.targetPort = 25
                $0.sourceIPs = list("10.0.0.1")
            }),
        .init(
            "one condition fails", false,
            {
                $0.networks = [.tcp]
                $0.portList = ports(25...25)
            },
            {
                $0.network = .udp
                $0.targetPort = 25
            }),
    ]

    private static func list(_ texts: String...) -> [IPAddress] {
        texts.compactMap { IPAddress($0) }
    }
}
