// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyModel
package import XrayProtos

/// The `finalRules` of freedom: which addresses may be dialled, decided when the address is known.
///
/// The first rule that fits decides. With none, everything is allowed, except that traffic of remote users (see
/// ``InboundProtocol/servesRemoteUsers``) does not reach addresses that are not public: a server would otherwise open its
/// own network to its users.
package struct FinalRules: Sendable {
    private struct Rule: Sendable {
        let allows: Bool
        /// Empty = all.
        let networks: Set<Network>
        /// Empty = all.
        let ports: [ClosedRange<UInt32>]
        /// Nil = all.
        let addresses: AddressCondition?

        func fits(_ network: Network, _ ip: IPAddress, _ port: UInt16) -> Bool {
            (networks.isEmpty || networks.contains(network))
                && (ports.isEmpty || ports.contains { $0.contains(UInt32(port)) })
                && (addresses?.holds(for: ip) ?? true)
        }
    }

    private let rules: [Rule]

    package init(_ configs: [Xray_Proxy_Freedom_FinalRuleConfig]) throws(ControlError) {
        var rules: [Rule] = []
        for config in configs {
            let allows: Bool
            switch config.action {
            case .allow: allows = true
            case .block: allows = false
            case .UNRECOGNIZED(let value): throw ControlError("proxy/freedom: unknown rule action: \(value)")
            }
            let ports = config.portList.range.compactMap { $0.from <= $0.to ? $0.from...$0.to : nil }
            guard !config.hasPortList || !ports.isEmpty || config.portList.range.isEmpty else {
                throw ControlError("proxy/freedom: a final rule's port range ends before it begins")
            }
            rules.append(
                Rule(
                    allows: allows, networks: ProxyProtocols.networks(config.networks), ports: ports,
                    addresses: config.ip.isEmpty ? nil : try AddressCondition(config.ip)))
        }
        self.rules = rules
    }

    /// Whether every address of every session is admitted, so that none needs to be asked for.
    package func admitsAll(fromRemoteUser: Bool) -> Bool {
        guard let first = rules.first else { return !fromRemoteUser }
        return first.allows && first.networks.isEmpty && first.ports.isEmpty && first.addresses == nil
    }

    package func admits(_ network: Network, _ ip: IPAddress, _ port: UInt16, fromRemoteUser: Bool) -> Bool {
        if let rule = rules.first(where: { $0.fits(network, ip, port) }) { return rule.allows }
        return !fromRemoteUser || !CIDRBlock.notPublic.contains { $0.contains(ip) }
    }
}

/// A list of blocks as rules write it: some that an address may be in, and some (negated) that it must not be in.
///
/// The negated blocks form one condition, joined to the others by "or"; it does not hold for a family that none of its
/// blocks belongs to.
package struct AddressCondition: Sendable {
    private var blocks: [CIDRBlock] = []
    private var excluded: [CIDRBlock] = []
    private var excludesIPv4 = false
    private var excludesIPv6 = false

    package init(_ rules: [Xray_Common_Geodata_IPRule]) throws(ControlError) {
        for rule in rules {
            switch rule.value {
            case .custom(let rule)?:
                guard let ip = IPAddress(bytes: rule.cidr.ip),
                    let block = CIDRBlock(ip, bits: Int(rule.cidr.prefix))
                else { throw ControlError("proxy/freedom: invalid address block in a final rule") }
                add([block], negated: rule.reverseMatch)
            case .geoip(let rule)? where rule.code.lowercased() == "private":
                add(CIDRBlock.notPublic, negated: rule.reverseMatch)
            case .geoip(let rule)?:
                throw .notAvailable("proxy/freedom", "geoip:\(rule.code) in finalRules")
            case nil:
                throw ControlError("proxy/freedom: empty address in a final rule")
            }
        }
    }

    package func holds(for ip: IPAddress) -> Bool {
        if blocks.contains(where: { $0.contains(ip) }) { return true }
        guard ip.isIPv4 ? excludesIPv4 : excludesIPv6 else { return false }
        return !excluded.contains { $0.contains(ip) }
    }

    private mutating func add(_ added: [CIDRBlock], negated: Bool) {
        guard negated else {
            blocks += added
            return
        }
        excluded += added
        excludesIPv4 = excludesIPv4 || added.contains { $0.isIPv4 }
        excludesIPv6 = excludesIPv6 || added.contains { !$0.isIPv4 }
    }
}
