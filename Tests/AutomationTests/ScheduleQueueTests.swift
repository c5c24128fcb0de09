// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Automation

struct ScheduleQueueTests {
    private static let start = Date(timeIntervalSince1970: 1_767_225_600)  // 2026-01-01T00:00:00Z

    private static func moment(_ uptime: Double, calendar: Double = 0) -> Moment {
        Moment(uptime: .seconds(uptime), wall: start + uptime + calendar)
    }

    @Test func intervalsKeepTheirRhythm() throws {
        var queue = ScheduleQueue()
        let added = queue.add(.every(.seconds(2)), at: Self.moment(0))
        let id = try #require(added)
        #expect(queue.due(at: Self.moment(1.9)).isEmpty)
        #expect(queue.due(at: Self.moment(2.5)).map(\.lateness) == [.milliseconds(500)])
        #expect(queue.deadline(at: Self.moment(2.5)) == .seconds(4))
        // Five times have passed: one run, and the next at the next even second.
        let late = queue.due(at: Self.moment(13))
        #expect(late.count == 1)
        #expect(late.first?.scheduled == Self.start + 4)
        #expect(late.first?.missed == false)
        #expect(queue.next(of: id, at: Self.moment(13)) == Self.start + 14)
    }

    @Test func anIntervalMayBeginAtOnce() {
        var queue = ScheduleQueue()
        _ = queue.add(.every(.seconds(60), atOnce: true), at: Self.moment(5))
        #expect(queue.due(at: Self.moment(5)).count == 1)
        #expect(queue.deadline(at: Self.moment(5)) == .seconds(65))
    }

    @Test func aDelayIsDueOnce() {
        var queue = ScheduleQueue()
        _ = queue.add(.after(.seconds(3)), at: Self.moment(0))
        #expect(queue.due(at: Self.moment(3)).count == 1)
        #expect(queue.count == 0)
        #expect(queue.deadline(at: Self.moment(3)) == nil)
    }

    @Test func dueSchedulesComeInTheOrderOfTheirTime() throws {
        var queue = ScheduleQueue()
        let ids = [5, 3, 4, 3, 1].map { queue.add(.after(.seconds($0)), at: Self.moment(0)) }
        #expect(queue.due(at: Self.moment(10)).map(\.id) == [ids[4], ids[1], ids[3], ids[2], ids[0]])
    }

    @Test func aRemovedScheduleIsNotDue() throws {
        var queue = ScheduleQueue()
        let ids = (0..<200).compactMap { queue.add(.every(.seconds(1 + $0)), at: Self.moment(0)) }
        for id in ids.dropFirst() { queue.remove(id) }
        queue.remove(ids[5])
        #expect(queue.due(at: Self.moment(1000)).map(\.id) == [ids[0]])
    }

    @Test func cronIsDueOnTheCalendar() throws {
        var queue = ScheduleQueue()
        let added = try queue.add(.cron(Cron("0 1 * * *", zone: .gmt)), at: Self.moment(0))
        let id = try #require(added)
        #expect(queue.deadline(at: Self.moment(0)) == .seconds(10))
        #expect(queue.due(at: Self.moment(3599.999)).isEmpty)
        #expect(queue.due(at: Self.moment(3600)).map(\.scheduled) == [Self.start + 3600])
        #expect(queue.next(of: id, at: Self.moment(3600)) == Self.start + 90_000)
    }

    @Test func aCalendarSetForwardsRunsWhatItJustPassed() throws {
        var queue = ScheduleQueue()
        _ = queue.add(try .cron(Cron("0 1 * * *", zone: .gmt)), at: Self.moment(0))
        let firings = queue.due(at: Self.moment(10, calendar: 3620))
        #expect(firings.map(\.missed) == [false])
        #expect(firings.map(\.lateness) == [.seconds(30)])
    }

    @Test func whatPassedLongAgoIsMissed() throws {
        var queue = ScheduleQueue()
        let added = try queue.add(.cron(Cron("0 1 * * *", zone: .gmt)), at: Self.moment(0))
        let id = try #require(added)
        #expect(queue.due(at: Self.moment(10, calendar: 40_000)).map(\.missed) == [true])
        #expect(queue.next(of: id, at: Self.moment(10, calendar: 40_000)) == Self.start + 90_000)
    }

    @Test func aCalendarSetBackDoesNotRunTheSameTimeAgain() throws {
        var queue = ScheduleQueue()
        let added = try queue.add(.cron(Cron("0 1 * * *", zone: .gmt)), at: Self.moment(0))
        let id = try #require(added)
        #expect(queue.due(at: Self.moment(3600)).count == 1)
        #expect(queue.due(at: Self.moment(3610, calendar: -1800)).isEmpty)
        #expect(queue.due(at: Self.moment(5410, calendar: -1800)).isEmpty)
        #expect(queue.next(of: id, at: Self.moment(5410, calendar: -1800)) == Self.start + 90_000)
    }

    @Test func aCalendarThatWasWrongIsForgotten() throws {
        var queue = ScheduleQueue()
        let future = 400_000_000.0
        let added = try queue.add(.cron(Cron("0 1 * * *", zone: .gmt)), at: Self.moment(0, calendar: future))
        let id = try #require(added)
        #expect(queue.due(at: Self.moment(10)).isEmpty)
        #expect(queue.next(of: id, at: Self.moment(10)) == Self.start + 3600)
        #expect(queue.due(at: Self.moment(3600)).count == 1)
    }

    @Test func intervalsDoNotNoticeTheCalendar() {
        var queue = ScheduleQueue()
        _ = queue.add(.every(.seconds(2)), at: Self.moment(0))
        #expect(queue.due(at: Self.moment(1, calendar: 1e8)).isEmpty)
        #expect(queue.due(at: Self.moment(2, calendar: -1e8)).count == 1)
    }

    @Test func aCronWithoutAFurtherTimeIsRefused() throws {
        var queue = ScheduleQueue()
        let last = Moment(uptime: .zero, wall: Date(timeIntervalSince1970: 253_402_300_799))
        #expect(queue.add(try .cron(Cron("0 0 * * *", zone: .gmt)), at: last) == nil)
        #expect(queue.count == 0)
    }

    @Test(arguments: [
        (OverlapPolicy.skip, [OverlapGate.OnDue.start, .skip, .skip]), (.queue(1), [.start, .wait, .skip]),
        (.replace, [.start, .stopBusyAndWait, .skip]), (.parallel(2), [.start, .start, .skip]),
    ])
    func overlapFollowsThePolicy(policy: OverlapPolicy, answers: [OverlapGate.OnDue]) throws {
        var gate = OverlapGate(policy: policy)
        #expect(answers.map { _ in gate.due() } == answers)
        let startsWaiting = gate.ended()
        #expect(startsWaiting == answers.contains { $0 == .wait || $0 == .stopBusyAndWait })
        #expect(try OverlapPolicy("\(policy)") == policy)
    }

    @Test(arguments: ["", "none", "queue(0)", "queue(-1)", "queue(99999)", "skip(1)", "queue(", "parallel()"])
    func otherTextIsNotAPolicy(text: String) {
        #expect(throws: AutomationError.self) { try OverlapPolicy(text) }
    }

    @Test func theSchedulerRunsEachScheduleAtItsTime() async throws {
        let clock = VirtualClock()
        let scheduler = Scheduler(clock: clock)
        let (stream, continuation) = AsyncStream<String>.makeStream()
        for (name, trigger) in [
            ("a", Trigger.every(.seconds(2))), ("b", .every(.seconds(3))), ("c", .after(.milliseconds(2500))),
            ("d", .cron(try Cron("*/4 * * * * *", zone: .gmt))),
        ] {
            try scheduler.add(trigger) { [start = clock.wall] firing in
                continuation.yield("\(name)\(firing.scheduled.timeIntervalSince(start))")
            }
        }
        await clock.advance(by: .seconds(8))
        scheduler.stop()
        continuation.finish()
        var ran: [String] = []
        for await name in stream { ran.append(name) }
        #expect(ran == ["a2.0", "c2.5", "b3.0", "a4.0", "d4.0", "a6.0", "b6.0", "a8.0", "d8.0"])
        #expect(throws: AutomationError.self) { try scheduler.add(.after(.seconds(1))) { _ in } }
    }

    @Test func anEarlierScheduleWakesTheTimerEarlier() async throws {
        let clock = VirtualClock()
        let scheduler = Scheduler(clock: clock)
        let (stream, continuation) = AsyncStream<Int>.makeStream()
        try scheduler.add(.after(.seconds(100))) { _ in continuation.yield(100) }
        await clock.sleeperExists()
        try scheduler.add(.after(.seconds(1))) { _ in
            continuation.yield(1)
            continuation.finish()
        }
        await clock.advance(by: .seconds(5))
        #expect(await stream.reduce(into: []) { $0.append($1) } == [1])
    }

    @Test(arguments: [
        (Duration.nanoseconds(90_061_072_579_622), "after 1d1h1m1s"), (.seconds(90), "after 1m30s"),
        (.milliseconds(250), "after 250ms"),
    ])
    func aLongDelayIsShownInWholeSeconds(delay: Duration, text: String) {
        #expect(Trigger.after(delay).text == text)
    }
}
