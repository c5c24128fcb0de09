// SPDX-License-Identifier: Apache-2.0
import Foundation
import JSONText
import ProxyModel
import XrayProtos

/// The `dns` object.
enum DNSSection {
    static func decode(_ node: ConfigNode) throws -> Xray_App_Dns_Config {
        try node.object { object in
            var config = Xray_App_Dns_Config()
            config.tag = try object.string("tag")
            config.queryStrategy = queryStrategy(try object.string("queryStrategy"))
            config.disableCache = try object.bool("disableCache")
            config.serveStale = try object.bool("serveStale")
            config.serveExpiredTtl = try object.integer("serveExpiredTTL")
            config.disableFallback = try object.bool("disableFallback")
            config.disableFallbackIfMatch = try object.bool("disableFallbackIfMatch")
            config.enableParallelQuery = try object.bool("enableParallelQuery")
            if let client = object["clientIp"] { config.clientIp = try clientIP(client) }
            var policies: [NameServerSection.Policy: UInt32] = [:]
            for server in try object["servers"]?.elements() ?? [] {
                var (decoded, policy) = try NameServerSection.decode(server)
                decoded.policyID = policies[policy] ?? UInt32(policies.count) + 1
                policies[policy] = decoded.policyID
                config.nameServer.append(decoded)
            }
            config.staticHosts = try object["hosts"].map { try hosts($0) } ?? []
            if let system = object["useSystemHosts"], try system.bool() {
                throw system.error("reading the system's hosts file is not supported; write the names under hosts")
            }
            return config
        }
    }

    static func clientIP(_ node: ConfigNode) throws -> Data {
        guard case .ip(let ip) = try node.address() else { throw node.error("not an IP address: \(node.node.summary)") }
        return Data(ip.bytes)
    }

    static func queryStrategy(_ text: String) -> Xray_App_Dns_QueryStrategy {
        let plain = text.lowercased().filter { $0 != "_" && $0 != "-" }
        return switch plain {
        case "useip4", "useipv4": .useIp4
        case "useip6", "useipv6": .useIp6
        case "usesys", "usesystem": .useSys
        default: .useIp
        }
    }

    private static func hosts(_ node: ConfigNode) throws -> [Xray_App_Dns_Config.HostMapping] {
        try node.members().map { name, value in
            var mapping = Xray_App_Dns_Config.HostMapping()
            mapping.domain = try value.domainRule(name, bare: .full)
            let targets: [ConfigNode]
            if case .array = value.node.value { targets = try value.elements() } else { targets = [value] }
            for target in targets {
                switch try target.address() {
                case .ip(let ip):
                    mapping.ip.append(Data(ip.bytes))
                case .domain(let name):
                    mapping.ip = []
                    mapping.proxiedDomain = name
                    return mapping
                }
            }
            return mapping
        }
    }
}
