// SPDX-License-Identifier: Apache-2.0
import Foundation

/// What becomes of times on the calendar that passed while nobody looked: the machine slept, the calendar was set, or the core was
/// not running.
package enum MissedPolicy: Sendable, Equatable, CustomStringConvertible {
    /// They are left out.
    case skip
    /// One run makes up for all of them.
    case once
    /// Each gets a run, one after the other; of more than this many only the latest.
    case all(Int)

    /// Reads `skip`, `once` (or `run`), `all`, `all(5)`. Numbers run from 1 to 1,000; a bare `all` is `all(10)`.
    package init(_ text: some StringProtocol) throws(AutomationError) {
        switch text {
        case "skip": self = .skip
        case "once", "run": self = .once
        case "all": self = .all(10)
        default:
            guard text.hasPrefix("all("), text.hasSuffix(")"), let count = Int(text.dropFirst(4).dropLast()),
                (1...1000).contains(count)
            else {
                throw AutomationError(.syntax, "missed \"\(text.prefix(64))\" is not one of skip, once, all(n)")
            }
            self = .all(count)
        }
    }

    package var description: String {
        switch self {
        case .skip: "skip"
        case .once: "once"
        case .all(let count): "all(\(count))"
        }
    }

    /// The times to be made up for of a trigger whose last time was `last`, oldest first.
    ///
    /// - Parameters:
    ///   - deadline: Times that are longer ago are left out.
    ///   - jitter: What is added to each time of the calendar.
    func times(of trigger: Trigger, after last: Date, until now: Date, jitter: Duration, deadline: Duration?) -> [Date]
    {
        guard self != .skip else { return [] }
        let earliest =
            deadline.map { max(last, now.addingTimeInterval(-$0.seconds).addingTimeInterval(-0.001)) } ?? last
        switch trigger {
        case .at(let date):
            let due = date.addingTimeInterval(jitter.seconds)
            return due > earliest && due <= now ? [due] : []
        case .cron(let cron):
            let wanted = if case .all(let count) = self { count } else { 1 }
            // Looks back further and further, so that neither a dense nor a rare expression takes long.
            var window: TimeInterval = 3600
            while true {
                let start = max(earliest, now.addingTimeInterval(-window))
                let times = Self.times(of: cron, after: start, until: now, jitter: jitter)
                if times.count >= wanted || start == earliest { return times.suffix(wanted) }
                window *= 8
            }
        case .every, .after:
            return []
        }
    }

    private static func times(of cron: Cron, after start: Date, until now: Date, jitter: Duration) -> [Date] {
        var times: [Date] = []
        var start = start.addingTimeInterval(-jitter.seconds)
        while let next = cron.next(after: start) {
            let due = next.addingTimeInterval(jitter.seconds)
            guard due <= now else { break }
            times.append(due)
            start = next
        }
        return times
    }
}
