import Foundation
import ProxyConfig
// SPDX-License-Identifier: Apache-2.0
import SwiftProtobuf
import Testing
import XrayProtos

struct RoutingSectionTests {
    private func rule(_ keys: String) throws -> Xray_App_Router_RoutingRule {
        try ConfigurationParts.rule(from: JSONDocument(text: #"{"outboundTag": "o", \#(keys)}"#).root)
    }

    private func routingRefusal(_ routing: String) -> String? {
        refusal(#"{"outbounds": [{"protocol": "freedom", "tag": "o"}], "routing": \#(routing)}"#)
    }

    @Test func domainsAreSortedByPrefix() throws {
        let rule = try rule(
            #""domain": ["a.com", "full:B.com", "domain:c", "keyword:d", "regexp:^e$", "dotless:", "dotless:f"], "ruleTag": "t""#
        )
        let domains = rule.domain.map(\.custom)
        #expect(domains.map(\.type) == [.substr, .full, .domain, .substr, .regex, .regex, .regex])
        #expect(domains.map(\.value) == ["a.com", "B.com", "c", "d", "^e$", "^[^.]*$", "^[^.]*f[^.]*$"])
        #expect(rule.tag == "o" && rule.ruleTag == "t")
    }

    @Test func addressesMayBeReversed() throws {
        let rule = try rule(#""ip": ["10.0.0.0/8", "::1", "!192.168.0.0/16", "!!1.2.3.4", "[fd00::]/8"]"#)
        #expect(rule.ip.map(\.custom.cidr.prefix) == [8, 128, 16, 32, 8])
        #expect(rule.ip.map(\.custom.reverseMatch) == [false, false, true, false, false])
    }

    @Test func conditionsReachTheirFields() throws {
        let rule = try rule(
            #"""
            "network": "tcp,UDP,sctp", "port": "25,6000-6100", "sourcePort": 1, "localPort": 2, "vlessRoute": "3",
            "source": "10.0.0.1,10.0.0.2", "localIP": ["127.0.0.1"], "user": ["regexp:^a"], "inboundTag": "in", "protocol": ["tls"],
            "attrs": {":method": "GET"}, "process": ["curl"], "localOS": "linux", "domains": ["x"], "domain": ["y"],
            "webhook": {"url": "http://x", "deduplication": 5}
            """#)
        #expect(rule.networks == [.tcp, .udp, .unknown])
        #expect(rule.portList.range.count == 2 && rule.sourcePortList.range[0].from == 1)
        #expect(rule.localPortList.range[0].from == 2 && rule.vlessRouteList.range[0].from == 3)
        #expect(rule.sourceIp.count == 2 && rule.localIp.count == 1)
        #expect(rule.userEmail == ["regexp:^a"] && rule.inboundTag == ["in"] && rule.protocol == ["tls"])
        #expect(rule.attributes == [":method": "GET"] && rule.process == ["curl"] && rule.localOs == ["linux"])
        #expect(rule.domain.map(\.custom.value) == ["x"])
        #expect(rule.webhook.url == "http://x")
    }

    @Test func sourceIPWinsOverSource() throws {
        #expect(try rule(#""source": ["10.0.0.1", "10.0.0.2"], "sourceIP": ["10.0.0.3"]"#).sourceIp.count == 1)
    }

    @Test func strategyAndBalancersAreRead() throws {
        let router = try #require(
            try load(
                #"""
                {"observatory": {}, "routing": {"domainStrategy": "IPOnDemand", "rules": [{"port": 1, "balancerTag": "b"}], "balancers": [
                    {"tag": "b", "selector": "x,y", "fallbackTag": "f"},
                    {"tag": "c", "selector": ["z"], "strategy": {"type": "leastLoad", "settings": {
                        "expected": 2, "maxRTT": "1s", "tolerance": 1.5, "baselines": ["10ms", "-1s"],
                        "costs": [{"regexp": true, "match": "m", "value": 0.5}]}}}]}}
                """#
            ).router)
        #expect(router.domainStrategy == .ipOnDemand)
        #expect(router.rule[0].balancingTag == "b")
        #expect(router.balancingRule.map(\.strategy) == ["random", "leastload"])
        #expect(router.balancingRule[0].outboundSelector == ["x", "y"] && !router.balancingRule[0].hasStrategySettings)
        let settings = try #require(
            try router.balancingRule[1].strategySettings.typed(as: Xray_App_Router_StrategyLeastLoadConfig.self))
        #expect(settings.expected == 2 && settings.maxRtt == 1_000_000_000 && settings.tolerance == 1)
        #expect(settings.baselines == [10_000_000] && settings.costs[0].value == 0.5)
    }

    @Test(arguments: [
        (#"{"rules": [{"port": 1}]}"#, "routing.rules[0]: the rule names neither an outboundTag nor a balancerTag"),
        (#"{"rules": [{"outboundTag": "o"}]}"#, "routing.rules[0]: the rule has no condition"),
        (
            #"{"rules": [{"outboundTag": "o", "webhook": {"url": "x"}}]}"#,
            "routing.rules[0]: the rule has no condition"
        ),
        (#"{"rules": [{"port": 1, "balancerTag": "b"}]}"#, "routing.rules[0]: no balancer with the tag \"b\""),
        (
            #"{"rules": [{"outboundTag": "o", "domain": ["dotless:a.b"]}]}"#,
            "routing.rules[0].domain[0]: text after dotless: has no dots: \"dotless:a.b\""
        ),
        (
            #"{"rules": [{"outboundTag": "o", "ip": ["1.2.3.4", "10.0.0.0/33"]}]}"#,
            "routing.rules[0].ip[1]: a prefix from 0 to 32 is needed in \"10.0.0.0/33\""
        ),
        (
            #"{"rules": [{"outboundTag": "o", "source": "x.y"}]}"#,
            "routing.rules[0].source: not an IP address or a CIDR block: \"x.y\""
        ),
        (
            #"{"rules": [{"outboundTag": "o", "port": "1-2-3"}]}"#,
            "routing.rules[0].port: not a port or a range of ports: \"1-2-3\""
        ),
        (
            #"{"rules": [{"outboundTag": "o", "ip": ["geoip:"]}]}"#, "routing.rules[0].ip[0]: no code in \"geoip:\""
        ),
        (
            #"{"rules": [{"outboundTag": "o", "ip": ["ext:x"]}]}"#,
            "routing.rules[0].ip[0]: a file and a code such as ext:FILE:CODE are needed, found \"ext:x\""
        ),
        (#"{"balancers": [{"tag": "b"}]}"#, "routing.balancers[0]: a balancer needs a selector"),
        (#"{"balancers": [{"selector": ["x"]}]}"#, "routing.balancers[0]: a balancer needs a tag"),
        (
            #"{"balancers": [{"tag": "b", "selector": ["x"]}, {"tag": "b", "selector": ["x"]}]}"#,
            "routing.balancers[1]: duplicate balancer tag: b"
        ),
        (
            #"{"balancers": [{"tag": "b", "selector": ["x"], "strategy": {"type": "leastPing"}}]}"#,
            "routing.balancers[0]: the strategy leastping needs an observatory or a burstObservatory"
        ),
        (
            #"{"balancers": [{"tag": "b", "selector": ["x"], "fallbackTag": "y"}]}"#,
            "routing.balancers[0]: a fallbackTag needs an observatory or a burstObservatory"
        ),
    ])
    func badRoutingIsRefused(routing: String, message: String) {
        #expect(routingRefusal(routing) == message)
    }

    @Test func geographicDataMustBeThere() throws {
        try withTemporaryFolder { folder in
            let context = DecodingContext(directory: folder, environment: [:], assetDirectories: [folder])
            var list = Xray_Common_Geodata_GeoSiteList()
            list.entry = ["CN", "ADS"].map { code in
                var site = Xray_Common_Geodata_GeoSite()
                site.code = code
                site.domain = [.init()]
                return site
            }
            let bytes: Data = try list.serializedBytes()
            try bytes.write(to: URL(fileURLWithPath: "\(folder)/geosite.dat"))
            func domain(_ text: String) throws -> Xray_Common_Geodata_GeoSiteRule? {
                let node = try JSONDocument(text: #"{"outboundTag": "o", "domain": ["\#(text)"]}"#).root
                return try ConfigurationParts.rule(from: node, context: context).domain.first?.geosite
            }
            #expect(try domain("geosite:ads@X@y")?.attrs == "x@y")
            #expect(try domain("ext:geosite.dat:cn")?.code == "CN")
            for text in [
                "geosite:jp", "ext:other.dat:cn", "ext:../geosite.dat:cn", "geosite:cn@", "geosite:cn@@a", "geosite:",
                "ext::cn",
            ] {
                #expect(throws: ConfigurationError.self) { try domain(text) }
            }
            for count in 0..<bytes.count {
                try bytes.prefix(count).write(to: URL(fileURLWithPath: "\(folder)/geosite.dat"))
                _ = try? domain("geosite:ads")
            }
        }
    }
}
