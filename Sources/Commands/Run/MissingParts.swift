// SPDX-License-Identifier: Apache-2.0
import ProxyConfig
import XrayProtos

/// Parts of a configuration that Xray has and this build has not: told, so that nothing is silently different.
enum MissingParts {
    /// What the core runs without, one line each.
    static func warnings(_ configuration: CoreConfiguration) -> [String] {
        var lines: [String] = []
        if configuration.dns != nil { lines.append("dns: not available yet; names are resolved by the system") }
        if configuration.fakeDNS != nil { lines.append("fakeDns: not available yet") }
        if configuration.metrics != nil { lines.append("metrics: not available yet") }
        if configuration.observatory != nil { lines.append("observatory: not available yet; nothing is probed") }
        if configuration.burstObservatory != nil {
            lines.append("burstObservatory: not available yet; nothing is probed")
        }
        for (index, inbound) in configuration.inbounds.enumerated() {
            let receiver = try? inbound.receiverSettings.typed(as: Xray_App_Proxyman_ReceiverConfig.self)
            guard let sniffing = receiver?.sniffingSettings, sniffing.enabled else { continue }
            guard sniffing.destinationOverride.contains("fakedns") else { continue }
            lines.append("inbounds[\(index)].sniffing.destOverride: fakedns is not available yet, and finds nothing")
        }
        return lines
    }
}
