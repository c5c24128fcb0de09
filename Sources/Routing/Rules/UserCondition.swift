// SPDX-License-Identifier: Apache-2.0
import ProxyModel

/// The user's e-mail is one of these, or matches one of the patterns (`regexp:…`). Exact names are looked up by hash;
/// patterns cost one pass over the e-mail each.
final class UserCondition: RuleCondition {
    private let names: NameSet
    private let patterns: [Regexp]

    /// A pattern that does not parse is left out, as the original does: a user list goes on to work for everybody else.
    init(_ users: [String]) {
        let prefix = "regexp:"
        var names: Set<String> = []
        var patterns: [Regexp] = []
        for user in users where !user.isEmpty {
            if user.hasPrefix(prefix), user.utf8.count > prefix.utf8.count {
                if let pattern = try? Regexp(String(user.dropFirst(prefix.count))) { patterns.append(pattern) }
            } else {
                names.insert(user)
            }
        }
        self.names = NameSet(names)
        self.patterns = patterns
    }

    func test(_ context: RoutingContext, _ subject: borrowing MatchSubject) -> Verdict {
        guard !context.user.isEmpty else { return .fails }
        if names.contains(context.user) { return .holds }
        for pattern in patterns where pattern.matches(context.user) { return .holds }
        return .fails
    }
}
