// SPDX-License-Identifier: Apache-2.0
import Foundation
import JSONText
import ProxyModel
package import XrayProtos

extension ConfigNode {
    /// Address patterns: a list of texts, or one with commas: an IP, a CIDR block, `geoip:CODE` or `ext:FILE:CODE`, each
    /// with any number of `!` before it.
    package func ipRules() throws -> [Xray_Common_Geodata_IPRule] {
        try ipRules(strings())
    }

    /// The same for texts of this node that were sorted out before.
    func ipRules(_ texts: [String]) throws -> [Xray_Common_Geodata_IPRule] {
        try texts.enumerated().map { index, text in
            try (texts.count == elementCount ? part(index) : self).ipRule(text)
        }
    }

    private var elementCount: Int {
        if case .array(let nodes) = node.value { nodes.count } else { 1 }
    }

    private func ipRule(_ text: String) throws(ConfigurationError) -> Xray_Common_Geodata_IPRule {
        var rule = Xray_Common_Geodata_IPRule()
        let (body, reversed) = Self.cutBangs(text)
        let (prefix, rest) = Self.splitPrefix(body, among: ["geoip:", "ext:", "ext-ip:"])
        guard !prefix.isEmpty else {
            var custom = Xray_Common_Geodata_CIDRRule()
            custom.cidr = try cidr(body, of: text)
            custom.reverseMatch = reversed
            rule.value = .custom(custom)
            return rule
        }
        let (file, marked) = try assetReference(prefix == "geoip:" ? "\(GeoAssets.geoIP):\(rest)" : rest, of: text)
        let (code, codeReversed) = Self.cutBangs(marked)
        guard !code.isEmpty else { throw error("no code in \(text.quoted)") }
        var geoip = Xray_Common_Geodata_GeoIPRule()
        geoip.file = file
        geoip.code = code.uppercased()
        geoip.reverseMatch = reversed != codeReversed
        try checkAsset(file: file, code: geoip.code)
        rule.value = .geoip(geoip)
        return rule
    }

    private func cidr(_ body: String, of text: String) throws(ConfigurationError) -> Xray_Common_Geodata_CIDR {
        let parts = body.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let head = parts.first, case .ip(let ip) = Address(configured: String(head)) else {
            throw error("not an IP address or a CIDR block: \(text.quoted)")
        }
        var cidr = Xray_Common_Geodata_CIDR()
        cidr.ip = Data(ip.bytes)
        let longest: UInt32 = ip.isIPv4 ? 32 : 128
        cidr.prefix = longest
        if parts.count > 1, !parts[1].isEmpty {
            guard parts[1].utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let prefix = UInt32(parts[1]),
                prefix <= longest
            else { throw error("a prefix from 0 to \(longest) is needed in \(text.quoted)") }
            cidr.prefix = prefix
        }
        return cidr
    }

    private static func cutBangs(_ text: String) -> (rest: String, reversed: Bool) {
        let rest = text.drop { $0 == "!" }
        return (String(rest), (text.count - rest.count) % 2 == 1)
    }
}
