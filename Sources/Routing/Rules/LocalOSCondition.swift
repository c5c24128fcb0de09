// SPDX-License-Identifier: Apache-2.0
import ProxyModel

/// This process runs on one of the systems, which have the names that Go gives them, without regard to case.
final class LocalOSCondition: RuleCondition {
    private let verdict: Verdict

    init(_ names: [String]) {
        verdict = Verdict(names.contains { $0.lowercased() == Self.current })
    }

    func test(_ context: RoutingContext, _ subject: borrowing MatchSubject) -> Verdict {
        verdict
    }

    private static var current: String {
        #if os(Linux)
            "linux"
        #elseif os(macOS)
            "darwin"
        #elseif os(Windows)
            "windows"
        #elseif os(FreeBSD)
            "freebsd"
        #else
            ""
        #endif
    }
}
