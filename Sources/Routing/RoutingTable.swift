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

    var target: Target
    let ruleTag: String
    /// It comes from the configuration, and not over the API.
    var isConfigured = false
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

    /// - Parameters:
    ///   - known: Balancers to go on with where their settings are the same.
    ///   - isConfigured: The rules and balancers are those of the configuration.
    mutating func append(
        _ config: Xray_App_Router_Config, compiler: RuleCompiler, outboundTags: [String], allowsDuplicates: Bool,
        known: [String: Balancer] = [:], isConfigured: Bool = false
    ) throws(RoutingError) {
        for wire in config.balancingRule {
            guard allowsDuplicates || balancers[wire.tag] == nil else {
                throw RoutingError(.duplicateTag, "app/router: duplicate balancer tag")
            }
            if let balancer = known[wire.tag], balancer.isConfigured, balancer.wire == wire {
                balancers[wire.tag] = balancer
                continue
            }
            let balancer = try Balancer(wire, isConfigured: isConfigured)
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
            rules.append(
                RoutingRule(
                    target: target, ruleTag: wire.ruleTag, isConfigured: isConfigured, conditions: conditions))
        }
    }

    /// The rules and balancers of another configuration, and behind them those that were added over the API to this table. One that
    /// has the tag of a new one makes way for it.
    func replacingConfigured(
        by config: Xray_App_Router_Config, compiler: RuleCompiler, outboundTags: [String]
    ) throws(RoutingError) -> RoutingTable {
        var changed = RoutingTable(strategy: DomainStrategy(config.domainStrategy))
        try changed.append(
            config, compiler: compiler, outboundTags: outboundTags, allowsDuplicates: true, known: balancers,
            isConfigured: true)
        for (tag, balancer) in balancers where !balancer.isConfigured && changed.balancers[tag] == nil {
            changed.balancers[tag] = balancer
        }
        let taken = Set(changed.rules.map(\.ruleTag))
        for rule in rules where !rule.isConfigured && (rule.ruleTag.isEmpty || !taken.contains(rule.ruleTag)) {
            var rule = rule
            if case .balancer(let old) = rule.target {
                guard let balancer = changed.balancers[old.tag] else {
                    throw RoutingError(
                        .notFound,
                        "app/router: the rule \(rule.ruleTag), added over the API, needs the balancer \(old.tag)")
                }
                rule.target = .balancer(balancer)
            }
            changed.rules.append(rule)
        }
        return changed
    }

    /// The balancers that choose otherwise than in an older table, were not there, or are not any more.
    func changedBalancers(since old: RoutingTable) -> [BalancerChange] {
        Set(balancers.keys).union(old.balancers.keys).sorted().compactMap { tag in
            let (before, after) = (old.balancers[tag], balancers[tag])
            guard before !== after else { return nil }
            let change = BalancerChange(tag: tag, target: after?.override ?? "", outbounds: after?.candidates ?? [])
            if let before, after != nil, before.override == change.target, before.candidates == change.outbounds {
                return nil
            }
            return change
        }
    }
}
