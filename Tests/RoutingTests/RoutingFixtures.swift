// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyModel
import Routing
import SwiftProtobuf
import XrayProtos

extension Router {
    /// A router of rules and balancers, with no geographic data.
    convenience init(
        _ rules: [Xray_App_Router_RoutingRule], balancers: [Xray_App_Router_BalancingRule] = [],
        strategy: Xray_App_Router_Config.DomainStrategy = .asIs,
        assets: AssetDirectory = AssetDirectory(directories: [])
    ) throws {
        var config = Xray_App_Router_Config.of(rules, balancers: balancers)
        config.domainStrategy = strategy
        try self.init(config, assets: assets)
    }
}

extension Xray_App_Router_Config {
    static func of(
        _ rules: [Xray_App_Router_RoutingRule], balancers: [Xray_App_Router_BalancingRule] = []
    ) -> Xray_App_Router_Config {
        .with {
            $0.rule = rules
            $0.balancingRule = balancers
        }
    }
}

extension Xray_App_Router_RoutingRule {
    /// A rule to an outbound with the rule's own tag.
    static func to(_ tag: String, _ conditions: (inout Self) -> Void) -> Self {
        .with {
            $0.targetTag = .tag(tag)
            $0.ruleTag = "rule-\(tag)"
            conditions(&$0)
        }
    }

    static func toBalancer(_ tag: String, _ conditions: (inout Self) -> Void) -> Self {
        .with {
            $0.targetTag = .balancingTag(tag)
            $0.ruleTag = "rule-\(tag)"
            conditions(&$0)
        }
    }
}

/// Address patterns as in a configuration: `10.0.0.0/8`, `!fd00::/8`, `geoip:CODE`, `!geoip:CODE`.
func ips(_ texts: String...) -> [Xray_Common_Geodata_IPRule] {
    texts.map { text in
        let negated = text.hasPrefix("!")
        let body = negated ? String(text.dropFirst()) : text
        return .with { rule in
            if body.hasPrefix("geoip:") {
                rule.geoip = .with {
                    $0.file = "geoip.dat"
                    $0.code = String(body.dropFirst(6))
                    $0.reverseMatch = negated
                }
            } else {
                rule.custom = .with {
                    $0.cidr = cidr(body)
                    $0.reverseMatch = negated
                }
            }
        }
    }
}

func cidr(_ text: String) -> Xray_Common_Geodata_CIDR {
    let parts = text.split(separator: "/")
    let bytes = parts.first.flatMap { IPAddress($0) }?.bytes ?? []
    return .with {
        $0.ip = Data(bytes)
        $0.prefix = parts.count > 1 ? UInt32(parts[1]) ?? 0 : UInt32(bytes.count * 8)
    }
}

/// Domain patterns as in a configuration: `full:`, `domain:`, `regexp:`, `geosite:CODE@ATTRIBUTE`, else a keyword.
func domains(_ texts: String...) -> [Xray_Common_Geodata_DomainRule] {
    texts.map { text in
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let value = parts.count > 1 ? parts[1] : text
        return .with { rule in
            if parts[0] == "geosite" {
                let reference = value.split(separator: "@", maxSplits: 1).map(String.init)
                rule.geosite = .with {
                    $0.file = "geosite.dat"
                    $0.code = reference[0]
                    $0.attrs = reference.count > 1 ? reference[1] : ""
                }
            } else {
                rule.custom = domain(value, type: parts.count > 1 ? parts[0] : "keyword")
            }
        }
    }
}

func domain(_ value: String, type: String, attributes: [String] = []) -> Xray_Common_Geodata_Domain {
    .with {
        $0.value = value
        $0.attribute = attributes.map { name in .with { $0.key = name } }
        switch type {
        case "full": $0.type = .full
        case "domain": $0.type = .domain
        case "regexp": $0.type = .regex
        default: $0.type = .substr
        }
    }
}

func ports(_ ranges: ClosedRange<UInt32>...) -> Xray_Common_Net_PortList {
    .with { list in
        list.range = ranges.map { range in
            .with {
                $0.from = range.lowerBound
                $0.to = range.upperBound
            }
        }
    }
}

extension RoutingContext {
    static func with(_ fill: (inout RoutingContext) -> Void) -> RoutingContext {
        var context = RoutingContext()
        fill(&context)
        return context
    }

    static func domain(_ name: String) -> RoutingContext {
        .with { $0.targetDomain = name }
    }

    static func target(_ addresses: String...) -> RoutingContext {
        .with { $0.targetIPs = addresses.compactMap { IPAddress($0) } }
    }
}
