// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Routing
import SwiftProtobuf
import Testing
import XrayProtos

struct BalancerTests {
    private func balancer(
        _ strategy: String, selectors: [String] = ["pool-"], fallback: String = ""
    ) -> Xray_App_Router_BalancingRule {
        .with {
            $0.tag = "b"
            $0.strategy = strategy
            $0.outboundSelector = selectors
            $0.fallbackTag = fallback
        }
    }

    /// A router with one rule, to this balancer, and four outbounds.
    private func router(_ balancer: Xray_App_Router_BalancingRule) throws -> Router {
        let router = try Router([.toBalancer("b") { $0.networks = [.unknown] }], balancers: [balancer])
        router.setOutboundTags(["spare", "pool-c", "pool-a", "", "pool-b"])
        return router
    }

    private func tag(_ router: Router) -> String? {
        guard case .balanced("b", let tag, "rule-b") = router.pick(RoutingContext()) else { return nil }
        return tag
    }

    @Test func roundRobinTakesTurnsInOrderOfNames() throws {
        let router = try router(balancer("roundRobin"))
        #expect((0..<5).map { _ in tag(router) } == ["pool-a", "pool-b", "pool-c", "pool-a", "pool-b"])
    }

    @Test func roundRobinGoesOnWhenOutboundsChange() throws {
        let router = try router(balancer("roundrobin"))
        _ = (0..<2).map { _ in tag(router) }
        router.setOutboundTags(["pool-a", "pool-b"])
        #expect((0..<3).map { _ in tag(router) } == ["pool-a", "pool-b", "pool-a"])
        #expect(try router.balancerInfo("b").principle == ["pool-a", "pool-b"])
    }

    @Test(arguments: ["", "random", "Random"])
    func randomStaysAmongTheSelected(strategy: String) throws {
        let router = try router(balancer(strategy, selectors: ["pool-a", "pool-b"]))
        let picked = Set((0..<200).compactMap { _ in tag(router) })
        #expect(picked == ["pool-a", "pool-b"])
        #expect(try router.balancerInfo("b").principle == ["pool-a", "pool-b"])
    }

    @Test func overrideIsTakenUncheckedUntilItIsCleared() throws {
        let router = try router(balancer("roundRobin"))
        try router.overrideBalancer("b", target: "no-such-outbound")
        #expect((0..<2).map { _ in tag(router) } == ["no-such-outbound", "no-such-outbound"])
        #expect(try router.balancerInfo("b").override == "no-such-outbound")
        try router.overrideBalancer("b", target: "")
        #expect(tag(router) == "pool-a")
    }

    @Test func overrideOutlivesAppendedRules() throws {
        let router = try router(balancer("roundRobin"))
        try router.overrideBalancer("b", target: "spare")
        try router.add(.of([.to("x") { $0.networks = [.udp] }]), append: true)
        #expect(tag(router) == "spare")
    }

    @Test(arguments: ["random", "roundRobin", "leastPing"])
    func emptyPickFallsBack(strategy: String) throws {
        let selectors = strategy == "leastPing" ? ["pool-"] : ["zzz"]
        #expect(tag(try router(balancer(strategy, selectors: selectors, fallback: "spare"))) == "spare")
        let without = try router(balancer(strategy, selectors: selectors))
        #expect(without.pick(RoutingContext()) == .exhausted(balancerTag: "b", ruleTag: "rule-b"))
    }

    @Test func emptyBalancerEndsTheSearch() throws {
        let router = try Router(
            [.toBalancer("b") { $0.networks = [.unknown] }, .to("later") { $0.networks = [.unknown] }],
            balancers: [balancer("random", selectors: ["zzz"])])
        #expect(router.pick(RoutingContext()) == .exhausted(balancerTag: "b", ruleTag: "rule-b"))
    }

    @Test func addedBalancerSeesTheOutbounds() throws {
        let router = try router(balancer("random"))
        var other = balancer("random", selectors: ["spare"])
        other.tag = "n"
        try router.add(.of([], balancers: [other]), append: true)
        #expect(try router.balancerInfo("n").principle == ["spare"])
    }

    @Test func unknownTagIsRefused() throws {
        let router = try router(balancer("random"))
        let error = RoutingError(.notFound, "app/router: cannot find tag")
        #expect(throws: error) { try router.balancerInfo("") }
        #expect(throws: error) { try router.overrideBalancer("gone", target: "x") }
    }

    @Test func duplicateTagIsRefused() throws {
        let router = try router(balancer("random"))
        #expect(throws: RoutingError(.duplicateTag, "app/router: duplicate balancer tag")) {
            try router.add(.of([], balancers: [balancer("random")]), append: true)
        }
    }

    @Test(arguments: [
        ("wild", "app/router: unrecognized balancer type"),
        ("leastLoad", "app/router: strategy_settings of balancer b is missing"),
    ])
    func unusableStrategyIsRefused(strategy: String, message: String) {
        #expect(throws: RoutingError(.invalidBalancer, message)) { try Router([], balancers: [balancer(strategy)]) }
    }

    @Test func leastLoadWithSettingsLoadsAndPicksNothing() throws {
        var loaded = balancer("leastLoad")
        loaded.strategySettings = try TypedMessages.pack(Xray_App_Router_StrategyLeastLoadConfig())
        let router = try router(loaded)
        #expect(router.pick(RoutingContext()) == .exhausted(balancerTag: "b", ruleTag: "rule-b"))
        #expect(try router.balancerInfo("b").principle.isEmpty)
        loaded.strategySettings = try TypedMessages.pack(Xray_App_Router_Config())
        #expect(throws: RoutingError(.invalidBalancer, "app/router: not a StrategyLeastLoadConfig")) {
            try Router([], balancers: [loaded])
        }
    }
}
