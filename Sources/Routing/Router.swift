// SPDX-License-Identifier: Apache-2.0
package import ProxyModel
import Synchronization
package import XrayProtos

/// Chooses an outbound for each connection by rules that can be changed while it works.
///
/// Thread-safe. `pick` reads an immutable table and holds no lock while it matches, so a change neither waits for
/// decisions nor delays them; rules are compiled and geographic data are read by the thread that makes the change. A failed
/// change leaves everything as it was.
package final class Router: Sendable {
    private let table: Mutex<RoutingTable>
    /// Serializes changes; holds the outbounds' tags in order.
    private let outboundTags = Mutex<[String]>([])
    private let assets: AssetDirectory

    /// - Parameter config: nil makes a router without rules.
    /// - Throws: for the first rule or balancer that cannot be used. Equal rule tags are let pass here, unlike in `add`.
    package init(_ config: Xray_App_Router_Config?, assets: AssetDirectory) throws(RoutingError) {
        var table = RoutingTable(strategy: DomainStrategy(config?.domainStrategy))
        if let config {
            try table.append(
                config, compiler: RuleCompiler(assets: assets), outboundTags: [], allowsDuplicates: true,
                isConfigured: true)
        }
        self.table = Mutex(table)
        self.assets = assets
    }

    /// The decision with what is known so far. Costs some tens of nanoseconds per rule and never blocks.
    package func pick(_ context: RoutingContext) -> RoutePick {
        let table = table.withLock { $0 }
        let domain = context.targetDomain.isEmpty ? nil : DomainName(context.targetDomain)
        let resolves = domain != nil && table.strategy != .asIs
        let onDemand = resolves && table.strategy == .ipOnDemand
        var outcome = table.firstRule(
            for: context, MatchSubject(domain: domain, addresses: onDemand ? nil : context.targetIPs))
        if case .none = outcome, resolves, !onDemand {
            outcome = table.firstRule(for: context, MatchSubject(domain: domain, addresses: nil))
        }
        switch outcome {
        case .rule(let rule): return rule.pick()
        case .needsAddresses: return .needsResolution(context.targetDomain)
        case .none: return .none
        }
    }

    /// The decision once the target's domain was looked up; an empty list means that this failed, and the addresses that
    /// the context has count instead.
    package func pick(_ context: RoutingContext, resolved: [IPAddress]) -> RoutePick {
        let table = table.withLock { $0 }
        let domain = context.targetDomain.isEmpty ? nil : DomainName(context.targetDomain)
        if table.strategy != .ipOnDemand {
            let subject = MatchSubject(domain: domain, addresses: context.targetIPs)
            if case .rule(let rule) = table.firstRule(for: context, subject) { return rule.pick() }
        }
        guard table.strategy != .asIs else { return .none }
        let subject = MatchSubject(domain: domain, addresses: resolved.isEmpty ? context.targetIPs : resolved)
        guard case .rule(let rule) = table.firstRule(for: context, subject) else { return .none }
        return rule.pick()
    }

    // MARK: Rules

    /// Appends rules and balancers at the end, or replaces all by them; the domain strategy stays. Tells which balancers became
    /// different by that.
    @discardableResult
    package func add(_ config: Xray_App_Router_Config, append: Bool) throws(RoutingError) -> [BalancerChange] {
        try change { (table, tags) throws(RoutingError) in
            if !append { table = RoutingTable(strategy: table.strategy) }
            let compiler = RuleCompiler(assets: assets)
            try table.append(config, compiler: compiler, outboundTags: tags, allowsDuplicates: false)
        }
    }

    /// Puts the rules and balancers of another configuration in the place of those that came from the one before. What was added over
    /// the API stays behind them, unless it has the tag of a new rule or balancer. Balancers whose settings are the same keep their
    /// override and their turn.
    @discardableResult
    package func replaceConfigured(by config: Xray_App_Router_Config) throws(RoutingError) -> [BalancerChange] {
        try change { (table, tags) throws(RoutingError) in
            table = try table.replacingConfigured(
                by: config, compiler: RuleCompiler(assets: assets), outboundTags: tags)
        }
    }

    private func change(
        _ body: (inout RoutingTable, [String]) throws(RoutingError) -> Void
    ) throws(RoutingError) -> [BalancerChange] {
        try outboundTags.withLock { (tags) throws(RoutingError) in
            let before = table.withLock { $0 }
            var after = before
            try body(&after, tags)
            let changed = after
            table.withLock { $0 = changed }
            return changed.changedBalancers(since: before)
        }
    }

    /// Removes every rule of that tag; one that nobody has is no error.
    package func remove(ruleTag: String) throws(RoutingError) {
        guard !ruleTag.isEmpty else { throw RoutingError(.invalidRule, "app/router: empty tag name!") }
        outboundTags.withLock { _ in
            table.withLock { $0.rules.removeAll { $0.ruleTag == ruleTag } }
        }
    }

    /// The rules in the order in which they are tried; `tag` is empty for one that names a balancer.
    package func list() -> [(tag: String, ruleTag: String)] {
        table.withLock { $0 }.rules.map { rule in
            if case .outbound(let tag) = rule.target { (tag, rule.ruleTag) } else { ("", rule.ruleTag) }
        }
    }

    /// The addresses that entries of a rule's `source_ip` mean, nil for none of them; reads lists of geographic data from
    /// their files.
    package func addressMatcher(_ rules: [Xray_Common_Geodata_IPRule]) throws(RoutingError) -> AddressMatcher? {
        try AddressMatcher(rules, assets: assets)
    }

    // MARK: Balancers

    /// The override ("" when there is none) and the outbounds that the strategy has in view.
    package func balancerInfo(_ tag: String) throws(RoutingError) -> (override: String, principle: [String]) {
        let balancer = try balancer(tag)
        return (balancer.override, balancer.principle)
    }

    /// Makes the balancer choose `target`, which is not checked; "" ends that.
    @discardableResult
    package func overrideBalancer(_ tag: String, target: String) throws(RoutingError) -> BalancerChange {
        let balancer = try balancer(tag)
        balancer.override = target
        return BalancerChange(tag: tag, target: target, outbounds: balancer.candidates)
    }

    /// Tells which outbounds there are; to be called whenever that changes, for the balancers' selectors. Gives those of the balancers
    /// that choose among others now.
    @discardableResult
    package func setOutboundTags(_ tags: [String]) -> [BalancerChange] {
        outboundTags.withLock { current in
            current = tags.sorted()
            let balancers = table.withLock { $0 }.balancers.values
            return balancers.filter { $0.select(from: current) }
                .map { BalancerChange(tag: $0.tag, target: $0.override, outbounds: $0.candidates) }
                .sorted { $0.tag < $1.tag }
        }
    }

    private func balancer(_ tag: String) throws(RoutingError) -> Balancer {
        guard let balancer = table.withLock({ $0 }).balancers[tag] else {
            throw RoutingError(.notFound, "app/router: cannot find tag")
        }
        return balancer
    }
}
