// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// The `sniffing` object.
enum SniffingSection {
    static func decode(_ node: ConfigNode) throws -> Xray_App_Proxyman_SniffingConfig {
        try node.object { object in
            var config = Xray_App_Proxyman_SniffingConfig()
            config.enabled = try object.bool("enabled")
            if let names = object["destOverride"] {
                config.destinationOverride = try names.strings().enumerated().map { index, name in
                    switch name.lowercased() {
                    case "http": return "http"
                    case "tls", "https", "ssl": return "tls"
                    case "quic": return "quic"
                    case "fakedns", "fakedns+others": return "fakedns"
                    default:
                        throw names.part(index).error(
                            "unknown protocol to sniff (known: http, tls, quic, fakedns): \(name.quoted)")
                    }
                }
            }
            config.domainsExcluded = try object["domainsExcluded"]?.domainRules() ?? []
            config.ipsExcluded = try object["ipsExcluded"]?.ipRules() ?? []
            config.metadataOnly = try object.bool("metadataOnly")
            config.routeOnly = try object.bool("routeOnly")
            return config
        }
    }
}
