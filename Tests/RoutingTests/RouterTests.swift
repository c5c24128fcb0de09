// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyModel
import Routing
import SwiftProtobuf
import Testing
import XrayProtos

struct RouterTests {
    private let any = RoutingContext.with { $0.network = .tcp }

    private func rule(_ tag: String) -> Xray_App_Router_RoutingRule {
        .to(tag) { $0.networks = [.tcp] }
    }

    private func ruleTags(_ router: Router) -> [String] {
        router.list().map(\.ruleTag)
    }

    /// The message that a change is refused with; nil when it is accepted.
    private func refusal(_ change: () throws -> Void) -> String? {
        do {
            try change()
            return nil
        } catch {
            return (error as? RoutingError)?.message ?? "\(error)"
        }
    }

    @Test func routerWithoutConfigurationPicksNothing() throws {
        let router = try Router(nil, assets: AssetDirectory(directories: []))
        #expect(router.pick(any) == .none)
        #expect(router.list().isEmpty)
    }

    @Test func firstRuleThatHoldsWins() throws {
        let router = try Router([.to("udp") { $0.networks = [.udp] }, rule("a"), rule("b")])
        #expect(router.pick(any) == .outbound(tag: "a", ruleTag: "rule-a"))
    }

    @Test func appendedRulesComeLast() throws {
        let router = try Router([rule("a")])
        try router.add(.of([rule("b")]), append: true)
        #expect(ruleTags(router) == ["rule-a", "rule-b"])
        #expect(router.pick(any) == .outbound(tag: "a", ruleTag: "rule-a"))
    }

    @Test func replacementDropsRulesAndBalancers() throws {
        let pool = Xray_App_Router_BalancingRule.with { $0.tag = "pool" }
        let router = try Router([rule("a"), .toBalancer("pool") { $0.networks = [.udp] }], balancers: [pool])
        try router.add(.of([rule("b")]), append: false)
        #expect(ruleTags(router) == ["rule-b"])
        #expect(refusal { _ = try router.balancerInfo("pool") } == "app/router: cannot find tag")
        try router.add(.of([], balancers: [pool]), append: true)
    }

    @Test func listNamesNoOutboundForBalancers() throws {
        let pool = Xray_App_Router_BalancingRule.with { $0.tag = "pool" }
        let router = try Router([rule("a"), .toBalancer("pool") { $0.networks = [.udp] }], balancers: [pool])
        #expect(router.list().map(\.tag) == ["a", ""])
    }

    @Test(arguments: [true, false])
    func refusedChangeLeavesEverythingAsItWas(append: Bool) throws {
        let router = try Router([rule("a")])
        let bad = Xray_App_Router_Config.of(
            [rule("b"), .toBalancer("gone") { $0.networks = [.udp] }], balancers: [.with { $0.tag = "pool" }])
        #expect(refusal { try router.add(bad, append: append) } == "app/router: balancer gone not found")
        #expect(ruleTags(router) == ["rule-a"])
        #expect(refusal { _ = try router.balancerInfo("pool") } == "app/router: cannot find tag")
    }

    @Test func changesDoNotTouchTheDomainStrategy() throws {
        let router = try Router([rule("a")])
        var config = Xray_App_Router_Config.of([.to("b") { $0.ip = ips("10.0.0.0/8") }])
        config.domainStrategy = .ipOnDemand
        try router.add(config, append: false)
        #expect(router.pick(.domain("a.test")) == .none)
    }

    @Test func duplicateRuleTagsAreRefused() throws {
        let router = try Router([rule("a")])
        #expect(refusal { try router.add(.of([rule("a")]), append: true) } == "app/router: duplicate ruleTag rule-a")
        let twins = Xray_App_Router_Config.of([rule("b"), rule("b")])
        #expect(refusal { try router.add(twins, append: false) } == "app/router: duplicate ruleTag rule-b")
        try router.add(.of([rule("a")]), append: false)
    }

    @Test func rulesWithoutTagAreNeverDuplicates() throws {
        let untagged = Xray_App_Router_RoutingRule.with {
            $0.targetTag = .tag("a")
            $0.networks = [.tcp]
        }
        let router = try Router([untagged, untagged])
        try router.add(.of([untagged]), append: true)
        #expect(ruleTags(router) == ["", "", ""])
    }

    @Test func duplicateRuleTagsOfTheFirstConfigurationAreLetPass() throws {
        #expect(ruleTags(try Router([rule("a"), rule("a")])) == ["rule-a", "rule-a"])
    }

    @Test func removalTakesEveryRuleOfTheTag() throws {
        let router = try Router([rule("a"), rule("b"), rule("a")])
        try router.remove(ruleTag: "rule-a")
        try router.remove(ruleTag: "rule-a")
        #expect(ruleTags(router) == ["rule-b"])
        #expect(refusal { try router.remove(ruleTag: "") } == "app/router: empty tag name!")
    }

    @Test(
        arguments: [
            ("app/router: this rule has no effective fields", .to("a") { _ in }),
            ("error parsing regexp: missing closing ): `(`", .to("a") { $0.domain = domains("regexp:(") }),
            (
                "app/router: attribute k > error parsing regexp: missing argument to repetition operator: `*`",
                .to("a") { $0.attributes = ["k": "*"] }
            ),
            ("app/router: conditions on the process are not supported", .to("a") { $0.process = ["curl"] }),
            (
                "app/router: webhooks of rules are not supported",
                .to("a") {
                    $0.networks = [.tcp]
                    $0.webhook = .with { $0.url = "http://127.0.0.1/" }
                }
            ),
            ("app/router: empty domain rule", .to("a") { $0.domain = [.init()] }),
            ("app/router: empty ip rule", .to("a") { $0.ip = [.init()] }),
        ] as [(String, Xray_App_Router_RoutingRule)])
    func rulesThatCannotBeBuiltAreRefused(message: String, rule: Xray_App_Router_RoutingRule) throws {
        let router = try Router([])
        #expect(refusal { try router.add(.of([rule]), append: true) } == message)
        #expect(refusal { _ = try Router([rule]) } == message)
        #expect(router.list().isEmpty)
    }

    @Test func decisionsGoOnWhileRulesChange() async throws {
        let router = try Router([rule("a")])
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for round in 0..<200 {
                    try? router.add(.of([rule(round.isMultiple(of: 2) ? "b" : "a")]), append: false)
                }
                return true
            }
            for _ in 0..<2 {
                group.addTask {
                    (0..<2000).allSatisfy { _ in
                        let pick = router.pick(any)
                        return pick == .outbound(tag: "a", ruleTag: "rule-a")
                            || pick == .outbound(tag: "b", ruleTag: "rule-b")
                    }
                }
            }
            for await isWhole in group { #expect(isWhole) }
        }
    }

    // MARK: - Another configuration

    private func pool(_ tag: String, _ selector: String = "out") -> Xray_App_Router_BalancingRule {
        .with {
            $0.tag = tag
            $0.outboundSelector = [selector]
        }
    }

    @Test func anotherConfigurationTakesThePlaceOfTheOneBeforeAndNotOfWhatWasAdded() throws {
        let router = try Router([rule("a"), rule("b")])
        try router.add(.of([rule("added")]), append: true)
        try router.replaceConfigured(by: .of([rule("c")]))
        #expect(ruleTags(router) == ["rule-c", "rule-added"])
        try router.replaceConfigured(by: .of([rule("added"), rule("d")]))
        #expect(
            ruleTags(router) == ["rule-added", "rule-d"], "a rule of the configuration takes the place of an added one")
        var config = Xray_App_Router_Config.of([.to("e") { $0.ip = ips("10.0.0.0/8") }])
        config.domainStrategy = .ipOnDemand
        try router.replaceConfigured(by: config)
        #expect(router.pick(.domain("a.test")) == .needsResolution("a.test"))
    }

    @Test func balancersThatStayTheSameKeepTheirOverride() throws {
        let router = try Router(
            [.toBalancer("pool") { $0.networks = [.tcp] }], balancers: [pool("pool"), pool("other")])
        router.setOutboundTags(["out-1", "out-2"])
        try router.overrideBalancer("pool", target: "out-2")
        try router.overrideBalancer("other", target: "out-1")
        let changes = try router.replaceConfigured(
            by: .of([.toBalancer("pool") { $0.networks = [.udp] }], balancers: [pool("pool"), pool("other", "out-1")]))
        #expect(try router.balancerInfo("pool").override == "out-2")
        #expect(try router.balancerInfo("other") == ("", ["out-1"]))
        #expect(changes == [BalancerChange(tag: "other", target: "", outbounds: ["out-1"])])
    }

    @Test func aConfigurationWithoutTheBalancerOfAnAddedRuleIsRefused() throws {
        let router = try Router([], balancers: [pool("pool")])
        try router.add(.of([.toBalancer("pool") { $0.networks = [.tcp] }]), append: true)
        let message = "app/router: the rule rule-pool, added over the API, needs the balancer pool"
        #expect(refusal { try router.replaceConfigured(by: .of([rule("a")])) } == message)
        #expect(ruleTags(router) == ["rule-pool"])
        // With a balancer of that tag the added rule goes to the new one.
        router.setOutboundTags(["in-1", "out-1"])
        try router.replaceConfigured(by: .of([], balancers: [pool("pool", "in")]))
        #expect(router.pick(any) == .balanced(balancerTag: "pool", tag: "in-1", ruleTag: "rule-pool"))
    }

    @Test func itIsToldWhichBalancersChooseOtherwise() throws {
        let router = try Router([], balancers: [pool("pool"), pool("far", "far")])
        #expect(router.setOutboundTags(["out-1"]) == [BalancerChange(tag: "pool", target: "", outbounds: ["out-1"])])
        #expect(router.setOutboundTags(["out-1", "else"]).isEmpty)
        #expect(
            try router.overrideBalancer("pool", target: "x")
                == BalancerChange(tag: "pool", target: "x", outbounds: ["out-1"]))
        #expect(
            router.setOutboundTags(["out-1", "out-2", "far"]) == [
                BalancerChange(tag: "far", target: "", outbounds: ["far"]),
                BalancerChange(tag: "pool", target: "x", outbounds: ["out-1", "out-2"]),
            ])
        #expect(
            try router.add(.of([rule("a")], balancers: [pool("new", "out-2")]), append: true) == [
                BalancerChange(tag: "new", target: "", outbounds: ["out-2"])
            ])
        #expect(
            try router.add(.of([rule("a")], balancers: [pool("pool")]), append: false) == [
                BalancerChange(tag: "far", target: "", outbounds: []),
                BalancerChange(tag: "new", target: "", outbounds: []),
                BalancerChange(tag: "pool", target: "", outbounds: ["out-1", "out-2"]),
            ])
    }
}
