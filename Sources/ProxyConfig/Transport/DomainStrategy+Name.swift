// SPDX-License-Identifier: Apache-2.0
package import XrayProtos

extension ConfigNode {
    /// How a domain name is resolved before it is dialed: `AsIs`, `UseIP`, `ForceIPv4v6` …, in any case.
    package func domainStrategy() throws(ConfigurationError) -> Xray_Transport_Internet_DomainStrategy {
        let text = try string()
        switch text.lowercased() {
        case "", "asis": return .asIs
        case "useip": return .useIp
        case "useipv4": return .useIp4
        case "useipv6": return .useIp6
        case "useipv4v6": return .useIp46
        case "useipv6v4": return .useIp64
        case "forceip": return .forceIp
        case "forceipv4": return .forceIp4
        case "forceipv6": return .forceIp6
        case "forceipv4v6": return .forceIp46
        case "forceipv6v4": return .forceIp64
        default:
            throw error("unknown strategy (known: AsIs, UseIP, UseIPv4, … ForceIPv6v4): \(text.quoted)")
        }
    }
}
