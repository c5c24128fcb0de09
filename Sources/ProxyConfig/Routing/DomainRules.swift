// SPDX-License-Identifier: Apache-2.0
import JSONText
package import XrayProtos

extension ConfigNode {
    /// Domain patterns: a list of texts, or one with commas. Text without a prefix is a keyword.
    package func domainRules() throws -> [Xray_Common_Geodata_DomainRule] {
        try strings().enumerated().map { index, text in
            try part(index).domainRule(text, bare: .substr)
        }
    }

    /// The element that a list's text came from, or the whole text.
    func part(_ index: Int) -> ConfigNode {
        guard case .array(let nodes) = node.value, nodes.indices.contains(index) else { return self }
        return ConfigNode(nodes[index], path: .index(path, index), context: context)
    }

    /// One pattern: `full:`, `domain:`, `keyword:`, `regexp:`, `dotless:`, `geosite:CODE@attribute`,
    /// `ext:FILE:CODE@attribute`, or text of the bare type.
    func domainRule(
        _ text: String, bare: Xray_Common_Geodata_Domain.TypeEnum
    ) throws(ConfigurationError) -> Xray_Common_Geodata_DomainRule {
        var rule = Xray_Common_Geodata_DomainRule()
        let (prefix, rest) = Self.splitPrefix(
            text,
            among: [
                "geosite:", "ext:", "ext-domain:", "ext-site:", "regexp:", "domain:", "full:", "keyword:", "dotless:",
            ])
        var custom = Xray_Common_Geodata_Domain()
        custom.value = rest
        switch prefix {
        case "geosite:":
            rule.value = .geosite(try geoSite("\(GeoAssets.geoSite):\(rest)", of: text))
            return rule
        case "ext:", "ext-domain:", "ext-site:":
            rule.value = .geosite(try geoSite(rest, of: text))
            return rule
        case "regexp:": custom.type = .regex
        case "domain:": custom.type = .domain
        case "full:": custom.type = .full
        case "keyword:": custom.type = .substr
        case "dotless:":
            guard !rest.contains(".") else { throw error("text after dotless: has no dots: \(text.quoted)") }
            custom.type = .regex
            custom.value = rest.isEmpty ? "^[^.]*$" : "^[^.]*\(rest)[^.]*$"
        default: custom.type = bare
        }
        rule.value = .custom(custom)
        return rule
    }

    private func geoSite(
        _ reference: String, of text: String
    ) throws(ConfigurationError) -> Xray_Common_Geodata_GeoSiteRule {
        let (file, codeAndAttributes) = try assetReference(reference, of: text)
        let parts = codeAndAttributes.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        let code = parts.first.map { $0.uppercased() } ?? ""
        guard !code.isEmpty else { throw error("no code in \(text.quoted)") }
        let attributes = parts.count > 1 ? parts[1].lowercased() : ""
        guard parts.count == 1 || !attributes.split(separator: "@", omittingEmptySubsequences: false).contains("")
        else {
            throw error("an empty attribute in \(text.quoted)")
        }
        try checkAsset(file: file, code: code)
        var rule = Xray_Common_Geodata_GeoSiteRule()
        rule.file = file
        rule.code = code
        rule.attrs = attributes
        return rule
    }

    /// `FILE:CODE` in its two parts.
    func assetReference(
        _ reference: String, of text: String
    ) throws(ConfigurationError) -> (file: String, code: String) {
        guard let colon = reference.firstIndex(of: ":"), colon != reference.startIndex else {
            throw error("a file and a code such as ext:FILE:CODE are needed, found \(text.quoted)")
        }
        return (String(reference[..<colon]), String(reference[reference.index(after: colon)...]))
    }

    static func splitPrefix(_ text: String, among prefixes: [String]) -> (prefix: String, rest: String) {
        let prefix = prefixes.first { text.hasPrefix($0) } ?? ""
        return (prefix, String(text.dropFirst(prefix.count)))
    }
}
