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
            lines += certificates(receiver?.streamSettings, of: "inbounds[\(index)]")
            guard let sniffing = receiver?.sniffingSettings, sniffing.enabled else { continue }
            guard sniffing.destinationOverride.contains("fakedns") else { continue }
            lines.append("inbounds[\(index)].sniffing.destOverride: fakedns is not available yet, and finds nothing")
        }
        for (index, outbound) in configuration.outbounds.enumerated() {
            let sender = try? outbound.senderSettings.typed(as: Xray_App_Proxyman_SenderConfig.self)
            lines += certificates(sender?.streamSettings, of: "outbounds[\(index)]")
            guard let tls = sender.flatMap({ tls($0.streamSettings) }), tls.enableSessionResumption else { continue }
            lines.append(
                "outbounds[\(index)].streamSettings.tlsSettings.enableSessionResumption: not available for outbounds; "
                    + "every connection has a full handshake")
        }
        return lines
    }

    private static func certificates(_ stream: Xray_Transport_Internet_StreamConfig?, of owner: String) -> [String] {
        guard let tls = stream.flatMap(tls) else { return [] }
        return tls.certificate.enumerated().flatMap { index, certificate -> [String] in
            let path = "\(owner).streamSettings.tlsSettings.certificates[\(index)]"
            var lines: [String] = []
            if certificate.ocspStapling > 0 {
                lines.append("\(path).ocspStapling: not available; no OCSP response is sent")
            }
            if certificate.buildChain, certificate.usage != .authorityIssue {
                lines.append("\(path).buildChain: has a meaning for the usage issue only, which is not available")
            }
            return lines
        }
    }

    private static func tls(
        _ stream: Xray_Transport_Internet_StreamConfig
    ) -> Xray_Transport_Internet_Tls_Config? {
        stream.securitySettings.lazy.compactMap { try? $0.typed(as: Xray_Transport_Internet_Tls_Config.self) }.first
    }
}
