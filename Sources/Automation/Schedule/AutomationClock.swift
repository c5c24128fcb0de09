// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// The time that the automation lives by. Tests bring a clock of their own.
package protocol AutomationClock: Sendable {
    /// Time since a fixed moment. It never goes backwards, and goes on while the machine sleeps.
    var uptime: Duration { get }
    /// What the machine's calendar shows; it may be set forwards and backwards at any time.
    var wall: Date { get }
    /// Returns once `uptime` has reached the deadline, or throws when the task is cancelled.
    func sleep(until uptime: Duration) async throws
}

/// The machine's clocks.
package struct SystemClock: AutomationClock {
    private let origin = ContinuousClock.now

    package init() {}

    package var uptime: Duration { ContinuousClock.now - origin }
    package var wall: Date { Date() }

    package func sleep(until uptime: Duration) async throws {
        try await Task.sleep(until: origin + uptime, clock: .continuous)
    }
}

/// Both clocks, read together.
struct Moment: Sendable, Equatable {
    var uptime: Duration
    var wall: Date

    init(uptime: Duration, wall: Date) {
        self.uptime = uptime
        self.wall = wall
    }

    init(_ clock: any AutomationClock) {
        self.init(uptime: clock.uptime, wall: clock.wall)
    }

    /// The uptime at which the calendar shows `date`, unless it is set meanwhile.
    func uptime(of date: Date) -> Duration {
        uptime + .nanoseconds(Int64(max(-9e18, min(9e18, date.timeIntervalSince(wall) * 1e9))))
    }

    /// What the calendar showed, or will show, at an uptime, unless it is set.
    func wall(at uptime: Duration) -> Date {
        wall.addingTimeInterval((uptime - self.uptime).seconds)
    }
}
