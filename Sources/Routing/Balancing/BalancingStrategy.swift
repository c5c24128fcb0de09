// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// How a balancer chooses. `leastPing` and `leastLoad` go by what an observatory has measured; there is none to ask, so they
/// choose nothing, and the balancer's fallback is taken.
enum BalancingStrategy: Sendable {
    case random
    case roundRobin
    case leastPing
    case leastLoad

    /// - Throws: for an unknown name, and for `leastLoad` without settings of its own.
    init(_ wire: Xray_App_Router_BalancingRule) throws(RoutingError) {
        switch wire.strategy.lowercased() {
        case "", "random": self = .random
        case "roundrobin": self = .roundRobin
        case "leastping": self = .leastPing
        case "leastload":
            try Self.checkLeastLoad(wire)
            self = .leastLoad
        default:
            throw RoutingError(.invalidBalancer, "app/router: unrecognized balancer type")
        }
    }

    private static func checkLeastLoad(_ wire: Xray_App_Router_BalancingRule) throws(RoutingError) {
        guard wire.hasStrategySettings else {
            throw RoutingError(.invalidBalancer, "app/router: strategy_settings of balancer \(wire.tag) is missing")
        }
        do {
            let settings = try wire.strategySettings.typed(as: Xray_App_Router_StrategyLeastLoadConfig.self)
            guard settings == nil else { return }
        } catch .notFound {
            throw RoutingError(.invalidBalancer, "proto: not found")
        } catch {
            throw RoutingError(.invalidBalancer, "proto: cannot parse invalid wire-format data")
        }
        throw RoutingError(.invalidBalancer, "app/router: not a StrategyLeastLoadConfig")
    }

    /// - Parameter turn: the round robin's next index, kept by the balancer.
    func pick(_ candidates: [String], turn: inout Int) -> String? {
        switch self {
        case .random:
            return candidates.randomElement()
        case .roundRobin:
            guard !candidates.isEmpty else { return nil }
            let index = turn % candidates.count
            turn = (index + 1) % candidates.count
            return candidates[index]
        case .leastPing, .leastLoad:
            return nil
        }
    }

    func principle(of candidates: [String]) -> [String] {
        switch self {
        case .random, .roundRobin: candidates
        case .leastPing: [""]
        case .leastLoad: []
        }
    }
}
