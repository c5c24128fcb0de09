// SPDX-License-Identifier: Apache-2.0
import ProxyModel

/// All of these attributes (HTTP headers, `:method`, `:path`) are there and match their patterns.
final class AttributeCondition: RuleCondition {
    private let patterns: [(key: String, pattern: Regexp)]

    /// Keys are compared in lower case.
    /// - Throws: for a pattern that does not parse.
    init(_ attributes: [String: String]) throws(RoutingError) {
        var patterns: [(key: String, pattern: Regexp)] = []
        for (key, text) in attributes.sorted(by: { $0.key < $1.key }) {
            do {
                patterns.append((key.lowercased(), try Regexp(text)))
            } catch {
                throw RoutingError(.invalidPattern, "app/router: attribute \(key) > \(error.message)")
            }
        }
        self.patterns = patterns
    }

    func test(_ context: RoutingContext, _ subject: borrowing MatchSubject) -> Verdict {
        guard !context.attributes.isEmpty else { return .fails }
        return Verdict(
            patterns.allSatisfy { key, pattern in
                guard let value = context.attributes[key] else { return false }
                return pattern.matches(value)
            })
    }
}
