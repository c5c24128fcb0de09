// SPDX-License-Identifier: Apache-2.0
import Synchronization
import XrayProtos

/// Chooses among the outbounds whose tags begin with one of its selectors. Thread-safe.
final class Balancer: Sendable {
    private struct State {
        /// In order of their names.
        var candidates: [String] = []
        var override = ""
        var turn = 0
    }

    let tag: String
    let wire: Xray_App_Router_BalancingRule
    /// It comes from the configuration, and not over the API.
    let isConfigured: Bool
    private let selectors: [String]
    private let strategy: BalancingStrategy
    private let fallbackTag: String
    private let state = Mutex(State())

    init(_ wire: Xray_App_Router_BalancingRule, isConfigured: Bool = false) throws(RoutingError) {
        tag = wire.tag
        self.wire = wire
        self.isConfigured = isConfigured
        selectors = wire.outboundSelector
        strategy = try BalancingStrategy(wire)
        fallbackTag = wire.fallbackTag
    }

    /// Tells whether that makes a difference.
    ///
    /// - Parameter tags: of all outbounds, in order.
    @discardableResult
    func select(from tags: [String]) -> Bool {
        let candidates = tags.filter { tag in
            !tag.isEmpty && selectors.contains { tag.utf8.starts(with: $0.utf8) }
        }
        return state.withLock { state in
            defer { state.candidates = candidates }
            return state.candidates != candidates
        }
    }

    /// The outbounds that it chooses among, in order of their names.
    var candidates: [String] { state.withLock { $0.candidates } }

    /// The override if there is one, else what the strategy chooses, else the fallback; nil when all are empty.
    func pick() -> String? {
        let tag = state.withLock { state in
            state.override.isEmpty ? strategy.pick(state.candidates, turn: &state.turn) : state.override
        }
        if let tag { return tag }
        return fallbackTag.isEmpty ? nil : fallbackTag
    }

    var override: String {
        get { state.withLock { $0.override } }
        set { state.withLock { $0.override = newValue } }
    }

    /// What the API tells of the balancer's choice.
    var principle: [String] {
        strategy.principle(of: state.withLock { $0.candidates })
    }
}
