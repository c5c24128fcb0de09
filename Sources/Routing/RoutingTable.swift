// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import XrayProtos

/// When the router wants a domain's addresses.
enum DomainStrategy: Sendable {
    /// Never.
    case asIs
    /// After a full pass in which no rule held.
    case ipIfNonMatch
    /// At the first condition on the target's address.
    case ipOnDemand

    init(_ wire: Xray_App_Router_Config.DomainStrategy?) {
        switch wire {
        case .ipIfNonMatch: self = .ipIfNonMatch
        case .ipOnDemand: self = .ipOnDemand
        case .asIs, .UNRECOGNIZED, nil: self = .asIs
        }
    }
}

/// One compiled rule.
struct RoutingRule: Sendable {
    enum Target: Sendable {
        case outbound(String)
        case balancer(Balancer)
    }

    let target: Target
    let ruleTag: String
    /// All must hold; never empty.
    let conditions: [any RuleCondition]

    func pick() -> RoutePick {
        switch target {
        case .outbound(let tag):
            return .outbound(tag: tag, ruleTag: ruleTag)
        case .balancer(let balancer):
            guard let tag = balancer.pick() else {
                return .exhausted(balancerTag: balancer.tag, ruleTag: ruleTag)
            }
            return .balanced(balancerTag: balancer.tag, tag: tag, ruleTag: ruleTag)
        }
    }
}

/// The rules and balancers of one moment. Balancers are shared by successive tables, so that a change elsewhere loses
/// neither their turn nor their override.
struct RoutingTable: Sendable {
    let strategy: DomainStrategy
    var rules: [RoutingRule] = []
    var balancers: [String: Balancer] = [:]

    init(strategy: DomainStrategy) {
        self.strategy = strategy
    }

    enum Outcome {
        case rule(RoutingRule)
        case needsAddresses
        case none
    }

    func firstRule(for context: RoutingContext, _ subject: borrowing MatchSubject) -> Outcome {
        search: for index in rules.indices {
            for condition in rules[index].conditions {
                switch condition.test(context, subject) {
                case .holds: continue
                case .fails: continue search
                case .needsAddresses: return .needsAddresses
                }
            }
            return .rule(rules[index])
        }
        return .none
    }

    mutating func append(
        _ config: Xray_App_Router_Config, compiler: RuleCompiler, outboundTags: [String], allowsDuplicates: Bool
    ) throws(RoutingError) {
        for wire in config.balancingRule {
            guard allowsDuplicates || balancers[wire.tag] == nil else {
                throw RoutingError(.duplicateTag, "app/router: duplicate balancer tag")
            }
            let balancer = try Balancer(wire)
            balancer.select(from: outboundTags)
            balancers[wire.tag] = balancer
        }
        var ruleTags = Set(rules.map(\.ruleTag))
        for wire in config.rule {
            guard wire.ruleTag.isEmpty || ruleTags.insert(wire.ruleTag).inserted || allowsDuplicates else {
                throw RoutingError(.duplicateTag, "app/router: duplicate ruleTag \(wire.ruleTag)")
            }
            let conditions = try compiler.conditions(of: wire)
            var target = RoutingRule.Target.outbound(wire.tag)
            if !wire.balancingTag.isEmpty {
                guard let balancer = balancers[wire.balancingTag] else {
                    throw RoutingError(.notFound, "app/router: balancer \(wire.balancingTag) not found")
                }
                target = .balancer(balancer)
            }
            rules.append(RoutingRule(target: target, ruleTag: wire.ruleTag, conditions: conditions))
        }
    }
}
