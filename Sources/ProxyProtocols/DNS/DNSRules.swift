// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import Routing
package import XrayProtos

/// What a DNS outbound does with a query, by its type and name: the first rule that fits decides. With none, addresses are
/// looked up, and for everything else there is an answer without records.
package struct DNSRules: Sendable {
    package enum Action: Sendable, Equatable {
        /// To the server, and what it answers to the client.
        case forward
        case drop
        /// An answer without records.
        case answer(code: UInt8)
        /// Addresses by the core's resolver.
        case lookUp
    }

    private struct Rule: Sendable {
        let action: Action
        /// Empty = all.
        let types: Set<UInt16>
        /// Nil = all.
        let domains: DomainMatcher?
    }

    private static let largestCode: UInt32 = 15

    private let rules: [Rule]

    /// - Throws: For an unknown action, and for numbers that DNS has no place for.
    package init(
        _ configs: [Xray_Proxy_Dns_DNSRuleConfig], assets: AssetDirectory, scope: String
    ) throws(ControlError) {
        var rules: [Rule] = []
        for (index, config) in configs.enumerated() {
            let place = "\(scope): rules[\(index)]"
            guard config.rCode <= Self.largestCode else {
                throw ControlError("\(place): rCode \(config.rCode) is not in 0-\(Self.largestCode)")
            }
            let code = UInt8(truncatingIfNeeded: config.rCode)
            let action: Action
            switch config.action {
            case .direct: action = .forward
            case .drop: action = .drop
            case .return: action = .answer(code: code)
            case .hijack: action = .lookUp
            case .UNRECOGNIZED(let value): throw ControlError("\(place): unknown action: \(value)")
            }
            var types: Set<UInt16> = []
            for number in config.qType {
                guard let type = UInt16(exactly: number) else {
                    throw ControlError("\(place): qType \(number) is not in 0-65535")
                }
                types.insert(type)
            }
            do {
                rules.append(
                    Rule(action: action, types: types, domains: try DomainMatcher(config.domain, assets: assets)))
            } catch {
                throw ControlError("\(place): \(error.message)")
            }
        }
        self.rules = rules
    }

    package func action(for query: DNSQuery) -> Action {
        let rule = rules.first { rule in
            (rule.types.isEmpty || rule.types.contains(query.type)) && (rule.domains?.matches(query.name) ?? true)
        }
        switch rule?.action ?? (query.asksForAddresses ? .lookUp : .answer(code: DNSQuery.Code.success)) {
        // Only addresses can be looked up; and not in another class, or by another operation.
        case .lookUp where !query.asksForAddresses: return .answer(code: DNSQuery.Code.success)
        case .lookUp where !query.isStandard: return .answer(code: DNSQuery.Code.notImplemented)
        case .lookUp where query.name.isEmpty: return .answer(code: DNSQuery.Code.success)
        case .lookUp where !query.isHostName: return .answer(code: DNSQuery.Code.noSuchName)
        case let action: return action
        }
    }
}
