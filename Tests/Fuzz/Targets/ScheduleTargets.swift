// SPDX-License-Identifier: Apache-2.0
import ProxyModel

@testable import Automation
@testable import Telemetry

extension FuzzTarget {
    /// What scripts write about times, amounts and events.
    static let schedules: [FuzzTarget] = [
        // Quantities, policies and dates: each line is short text with a grammar of its own.
        FuzzTarget("script-words", texts: ["1h30m", "1.5GB", "queue(3)", "all(1000)", "2026-03-31 18:00:05"]) { text in
            if let duration = try? Duration(parsing: text) { require(duration >= .zero, "durations are not negative") }
            if let size = try? ByteSize.parse(text) { require(size >= 0, "sizes are not negative") }
            _ = try? OverlapPolicy(text)
            _ = try? MissedPolicy(text)
            if let civil = CivilTime(parsing: text) { _ = civil.seconds }
        },
        // The first line is the pattern, the rest the text.
        FuzzTarget("glob", texts: ["user>>>*>>>traffic>>>*\nuser>>>a>>>traffic>>>uplink", "a*b*c\nabbc", "**\n"]) {
            text in
            let lines = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let subject = lines.count > 1 ? lines[1] : ""
            require(Glob("*\(subject)*").matches(subject), "a text contains itself")
            let matches = Glob(lines[0]).matches(subject)
            if lines[0].utf8.count + subject.utf8.count < 24 {
                let plain = matchesPlainly(Array(lines[0].utf8)[...], Array(subject.utf8)[...])
                require(matches == plain, "both ways of matching agree")
            }
            require(!CounterPattern(lines[0]).subject(of: "a>>>b>>>c").isEmpty, "a subject has a name")
        },
    ]

    private static func matchesPlainly(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        if first == UInt8(ascii: "*") {
            return (text.startIndex...text.endIndex).contains { matchesPlainly(pattern.dropFirst(), text[$0...]) }
        }
        return text.first == first && matchesPlainly(pattern.dropFirst(), text.dropFirst())
    }
}
