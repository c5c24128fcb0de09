// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import NIOCore
import ProxyModel
package import Routing
import Sniffing
package import XrayProtos

/// An inbound's `sniffing`: what is made of the protocol and the domain that its streams and datagrams show.
package final class SniffingSettings: Sendable {
    /// How long a session is kept from being routed.
    static let timeLimit = TimeAmount.milliseconds(200)

    /// Protocols whose domain takes the place of the target's address.
    private let overrides: [String]
    /// The domain serves the rules only; the target stays.
    let routeOnly: Bool
    /// Nothing is looked at but what is known without a byte: nothing, without fake DNS.
    let metadataOnly: Bool
    private let excludedDomains: DomainMatcher?
    private let excludedAddresses: AddressMatcher?

    /// Nil when sniffing is off.
    package init?(_ config: Xray_App_Proxyman_SniffingConfig, assets: AssetDirectory) throws(ControlError) {
        guard config.enabled else { return nil }
        overrides = config.destinationOverride.map { $0.lowercased() }
        routeOnly = config.routeOnly
        metadataOnly = config.metadataOnly
        do {
            excludedDomains = try DomainMatcher(config.domainsExcluded, assets: assets)
            excludedAddresses = try AddressMatcher(config.ipsExcluded, assets: assets)
        } catch {
            throw ControlError("app/proxyman/inbound: sniffing > \(error.message)")
        }
    }

    /// Whether a domain that was found counts for a session to this target.
    func overrides(_ target: Address, with content: SniffedContent) -> Bool {
        guard !content.domain.isEmpty else { return false }
        let name = content.protocolName
        guard overrides.contains(where: { name.hasPrefix($0) || $0.hasPrefix(name) }) else { return false }
        if let excludedDomains, excludedDomains.matches(content.domain) { return false }
        if let excludedAddresses, let ip = target.ip, excludedAddresses.matches(ip) { return false }
        return true
    }
}

extension Session {
    /// Takes what was found into account for rules and, unless it is for rules only, for the target. The domain, if it counts.
    mutating func take(_ content: SniffedContent, _ settings: SniffingSettings) -> String? {
        sniffedProtocol = content.protocolName
        attributes = content.attributes
        guard settings.overrides(target.address, with: content) else { return nil }
        let address = Address(content.domain)
        if settings.routeOnly { routeAddress = address } else { target.address = address }
        return content.domain
    }
}
