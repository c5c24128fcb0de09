// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// Makes conditions of the wire's rules. Lists from files are read once per compiler and shared by its rules.
final class RuleCompiler {
    private let assets: AssetDirectory
    private var sites: [String: DomainSet] = [:]
    private var networks: [String: IPSet] = [:]

    init(assets: AssetDirectory) {
        self.assets = assets
    }

    /// The conditions in the order in which they are tested: cheap ones first, those that may want a look-up late.
    func conditions(of rule: Xray_App_Router_RoutingRule) throws(RoutingError) -> [any RuleCondition] {
        guard rule.process.isEmpty else {
            throw RoutingError(.invalidRule, "app/router: conditions on the process are not supported")
        }
        guard !rule.hasWebhook else {
            throw RoutingError(.invalidRule, "app/router: webhooks of rules are not supported")
        }
        var conditions: [any RuleCondition] = []
        if !rule.localOs.isEmpty { conditions.append(LocalOSCondition(rule.localOs)) }
        if !rule.inboundTag.isEmpty { conditions.append(InboundTagCondition(rule.inboundTag)) }
        if !rule.networks.isEmpty { conditions.append(NetworkCondition(rule.networks)) }
        if !rule.protocol.isEmpty { conditions.append(ProtocolCondition(rule.protocol)) }
        if rule.hasPortList { conditions.append(PortCondition(rule.portList, field: .target)) }
        if rule.hasSourcePortList { conditions.append(PortCondition(rule.sourcePortList, field: .source)) }
        if rule.hasLocalPortList { conditions.append(PortCondition(rule.localPortList, field: .local)) }
        if rule.hasVlessRouteList { conditions.append(PortCondition(rule.vlessRouteList, field: .vlessRoute)) }
        if !rule.userEmail.isEmpty { conditions.append(UserCondition(rule.userEmail)) }
        if !rule.attributes.isEmpty { conditions.append(try AttributeCondition(rule.attributes)) }
        if !rule.ip.isEmpty { conditions.append(try condition(on: .target, rule.ip)) }
        if !rule.sourceIp.isEmpty { conditions.append(try condition(on: .source, rule.sourceIp)) }
        if !rule.localIp.isEmpty { conditions.append(try condition(on: .local, rule.localIp)) }
        if !rule.domain.isEmpty { conditions.append(try condition(rule.domain)) }
        guard !conditions.isEmpty else {
            throw RoutingError(.invalidRule, "app/router: this rule has no effective fields")
        }
        return conditions
    }

    func condition(
        on field: IPCondition.Field, _ rules: [Xray_Common_Geodata_IPRule]
    ) throws(RoutingError) -> IPCondition {
        var written: [Xray_Common_Geodata_CIDR] = []
        var writtenNegated: [Xray_Common_Geodata_CIDR] = []
        var listed: [IPSet] = []
        var listedNegated: [IPSet] = []
        for rule in rules {
            switch rule.value {
            case .custom(let custom):
                guard IPSet.isValid(custom.cidr) else {
                    let bytes = custom.cidr.ip.map(String.init).joined(separator: ".")
                    throw RoutingError(.invalidRule, "app/router: invalid CIDR: [\(bytes)]/\(custom.cidr.prefix)")
                }
                if custom.reverseMatch { writtenNegated.append(custom.cidr) } else { written.append(custom.cidr) }
            case .geoip(let geoip):
                let set = try networks(file: geoip.file, code: geoip.code)
                if geoip.reverseMatch { listedNegated.append(set) } else { listed.append(set) }
            case nil:
                throw RoutingError(.invalidRule, "app/router: empty ip rule")
            }
        }
        let groups = [
            IPCondition.Group(sets: written.isEmpty ? [] : [IPSet(written)], isNegated: false),
            IPCondition.Group(sets: writtenNegated.isEmpty ? [] : [IPSet(writtenNegated)], isNegated: true),
            IPCondition.Group(sets: listed, isNegated: false),
            IPCondition.Group(sets: listedNegated, isNegated: true),
        ]
        return IPCondition(field: field, groups: groups.filter { !$0.sets.isEmpty })
    }

    func condition(_ rules: [Xray_Common_Geodata_DomainRule]) throws(RoutingError) -> DomainCondition {
        var written: [Xray_Common_Geodata_Domain] = []
        var sets: [DomainSet] = []
        for rule in rules {
            switch rule.value {
            case .custom(let domain): written.append(domain)
            case .geosite(let site): sets.append(try domains(site))
            case nil: throw RoutingError(.invalidRule, "app/router: empty domain rule")
            }
        }
        if !written.isEmpty { sets.insert(try DomainSet(written, skipsInvalid: false), at: 0) }
        return DomainCondition(sets: sets)
    }

    private func networks(file: String, code: String) throws(RoutingError) -> IPSet {
        let key = "\(file):\(code)"
        if let set = networks[key] { return set }
        let set = IPSet(try assets.networks(file: file, code: code))
        networks[key] = set
        return set
    }

    private func domains(_ site: Xray_Common_Geodata_GeoSiteRule) throws(RoutingError) -> DomainSet {
        let key = "\(site.file):\(site.code)@\(site.attrs)"
        if let set = sites[key] { return set }
        let wanted = site.attrs.isEmpty ? [] : site.attrs.split(separator: "@", omittingEmptySubsequences: false)
        let domains = try assets.domains(file: site.file, code: site.code).filter { domain in
            wanted.allSatisfy { name in domain.attribute.contains { $0.key == name } }
        }
        let set = try DomainSet(domains, skipsInvalid: true)
        sites[key] = set
        return set
    }
}
