// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// When a schedule is due.
package enum Trigger: Sendable, Equatable {
    /// At fixed distances on the monotonic clock, the first one after `every`, or at once.
    case every(Duration, atOnce: Bool = false)
    /// On the wall clock.
    case cron(Cron)
    /// Once, on the wall clock.
    case at(Date)
    /// Once.
    case after(Duration)

    /// Intervals below this one are refused.
    package static let shortestInterval = Duration.milliseconds(10)

    /// A cron expression, or `@every 5m`.
    package init(cron text: String, zone: TimeZone = .current) throws(AutomationError) {
        let parts = text.split(whereSeparator: \.isWhitespace)
        if parts.count == 2, parts.first?.lowercased() == "@every", let interval = parts.last {
            self = try .interval(Duration(parsing: interval))
        } else {
            self = .cron(try Cron(text, zone: zone))
        }
    }

    /// Whether it has one time only.
    var isOnce: Bool {
        switch self {
        case .at, .after: true
        case .every, .cron: false
        }
    }

    /// Fixed distances; shorter ones than ``shortestInterval`` are refused.
    package static func interval(_ interval: Duration, atOnce: Bool = false) throws(AutomationError) -> Trigger {
        guard interval >= shortestInterval else {
            throw AutomationError(.limit, "every: interval \(interval.text) is shorter than \(shortestInterval.text)")
        }
        return .every(interval, atOnce: atOnce)
    }

    /// `every 2s`, `cron 0 0 1 * *`, `at 2026-03-31T18:00:00Z`, `after 10s`.
    package var text: String {
        switch self {
        case .every(let interval, _): "every \(interval.text)"
        case .cron(let cron): "cron \(cron.description)"
        case .at(let date): "at \(date.formatted(.iso8601))"
        // A delay that a script has worked out is seldom a round one.
        case .after(let delay): "after \((delay < .seconds(60) ? delay : .seconds(delay.seconds.rounded())).text)"
        }
    }
}
