// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// Domain patterns of all kinds. Names cost one hashed probe per label and keywords one pass over the domain, however many there are;
/// each regular expression costs one pass of its own, linear in the domain's length.
final class DomainSet: Sendable {
    private let names: DomainNameTable
    private let keywords: KeywordMatcher?
    private let patterns: [Regexp]

    /// - Parameter skipsInvalid: leave out regular expressions that do not parse, as for lists that others made.
    init(
        _ domains: some Sequence<Xray_Common_Geodata_Domain>, skipsInvalid: Bool
    ) throws(RoutingError) {
        var names = DomainNameTable()
        var keywords: [[UInt8]] = []
        var patterns: [Regexp] = []
        for domain in domains {
            let value = DomainName.lowercased(domain.value)
            switch domain.type {
            case .full: names.insert(value, .full)
            case .domain: names.insert(value, [.full, .suffix])
            case .substr: keywords.append(value)
            case .regex:
                do {
                    patterns.append(try Regexp(domain.value))
                } catch {
                    if !skipsInvalid { throw RoutingError(.invalidPattern, error.message) }
                }
            case .UNRECOGNIZED(let type):
                if !skipsInvalid {
                    throw RoutingError(.invalidRule, "common/geodata: unknown domain type: \(type)")
                }
            }
        }
        self.names = names
        self.keywords = keywords.isEmpty ? nil : KeywordMatcher(keywords)
        self.patterns = patterns
    }

    func matches(_ domain: DomainName) -> Bool {
        if !names.isEmpty, names.matches(domain) { return true }
        if let keywords, keywords.matches(domain.bytes) { return true }
        for pattern in patterns where pattern.matches(domain.bytes) { return true }
        return false
    }
}
