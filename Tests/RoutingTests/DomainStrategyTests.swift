// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Routing
import Testing
import XrayProtos

struct DomainStrategyTests {
    private let private10 = Xray_App_Router_RoutingRule.to("lan") { $0.ip = ips("10.0.0.0/8") }
    private let everything = Xray_App_Router_RoutingRule.to("rest") { $0.portList = ports(0...65535) }
    private let inside: [IPAddress] = [.v4(0x0a00_0001)]
    private let lan = RoutePick.outbound(tag: "lan", ruleTag: "rule-lan")
    private let rest = RoutePick.outbound(tag: "rest", ruleTag: "rule-rest")

    @Test func asIsNeverResolves() throws {
        let router = try Router([private10, everything])
        #expect(router.pick(.domain("a.test")) == rest)
        #expect(router.pick(.domain("a.test"), resolved: inside) == rest)
    }

    @Test func onDemandResolvesAtTheFirstAddressCondition() throws {
        let router = try Router([private10, everything], strategy: .ipOnDemand)
        #expect(router.pick(.domain("A.test")) == .needsResolution("A.test"))
        #expect(router.pick(.domain("A.test"), resolved: inside) == lan)
        #expect(router.pick(.domain("A.test"), resolved: []) == rest)
        #expect(router.pick(.target("10.0.0.1")) == lan)
    }

    @Test func onDemandDoesNotResolveWhereAnEarlierConditionFails() throws {
        let guarded = Xray_App_Router_RoutingRule.to("lan") {
            $0.inboundTag = ["entry"]
            $0.ip = ips("10.0.0.0/8")
        }
        let router = try Router([guarded, everything], strategy: .ipOnDemand)
        #expect(router.pick(.domain("a.test")) == rest)
    }

    @Test func onDemandIgnoresGivenAddressesUnlessResolutionFails() throws {
        let router = try Router([private10, everything], strategy: .ipOnDemand)
        var context = RoutingContext.domain("a.test")
        context.targetIPs = inside
        #expect(router.pick(context) == .needsResolution("a.test"))
        #expect(router.pick(context, resolved: [.loopbackV4]) == rest)
        #expect(router.pick(context, resolved: []) == lan)
    }

    @Test func ifNonMatchResolvesAfterAFullPass() throws {
        let router = try Router([private10, everything], strategy: .ipIfNonMatch)
        #expect(router.pick(.domain("a.test")) == rest)
        let narrow = try Router(
            [private10, .to("other") { $0.domain = domains("other") }], strategy: .ipIfNonMatch)
        #expect(narrow.pick(.domain("a.test")) == .needsResolution("a.test"))
        #expect(narrow.pick(.domain("a.test"), resolved: inside) == lan)
        #expect(narrow.pick(.domain("a.test"), resolved: []) == .none)
        #expect(narrow.pick(.target("11.0.0.1")) == .none)
    }

    @Test func ifNonMatchDoesNotResolveWithoutAddressConditions() throws {
        let router = try Router([.to("other") { $0.domain = domains("other") }], strategy: .ipIfNonMatch)
        #expect(router.pick(.domain("a.test")) == .none)
    }

    @Test(arguments: [Xray_App_Router_Config.DomainStrategy.asIs, .ipIfNonMatch, .ipOnDemand])
    func secondAnswerNeverAsksForResolution(strategy: Xray_App_Router_Config.DomainStrategy) throws {
        let router = try Router([private10], strategy: strategy)
        #expect(router.pick(.domain("a.test"), resolved: []) == .none)
    }
}
