// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// Names a schedule within a ``Scheduler``.
package struct ScheduleID: Sendable, Hashable {
    fileprivate var number: UInt64
}

/// A schedule whose time has come.
package struct Firing: Sendable, Equatable {
    package var id: ScheduleID
    /// When it was due.
    package var scheduled: Date
    /// How long ago that was.
    package var lateness: Duration
    /// The time passed unnoticed (the machine slept, the calendar was set): the run is not to be made up for.
    package var missed: Bool

    /// A time that passed while there was no schedule to notice it.
    static func madeUp(for date: Date, now: Date) -> Firing {
        Firing(
            id: ScheduleID(number: 0), scheduled: date, lateness: .seconds(now.timeIntervalSince(date)), missed: true)
    }
}

/// All schedules by the time at which they are due next: a heap on the monotonic clock.
///
/// Intervals and delays are due on the monotonic clock and do not notice when the calendar is set. Cron expressions are
/// due on the calendar: their place in the heap is an estimate, which is corrected when the calendar is found to have been
/// set, at the latest after ``calendarCheck``. A calendar that is set back does not run the same time again, unless
/// it goes back by more than ``correction``: then it was wrong before, and the next time counts from now.
struct ScheduleQueue {
    /// How often the calendar is looked at while a cron expression waits for it.
    static let calendarCheck = Duration.seconds(10)
    /// A cron expression that is noticed later than this counts as missed.
    static let grace = Duration.seconds(60)
    /// Three hours, as in ISC cron.
    static let correction = Duration.seconds(10_800)

    private struct Entry {
        var trigger: Trigger
        /// What is added to each of its times.
        var jitter: Duration
        /// Uptime.
        var due: Duration
        /// Set for triggers on the calendar.
        var date: Date?

        /// The first time after `date`, if there is one.
        func next(after date: Date) -> Date? {
            switch trigger {
            case .cron(let cron):
                cron.next(after: date.addingTimeInterval(-jitter.seconds))?.addingTimeInterval(jitter.seconds)
            case .at(let time):
                time.addingTimeInterval(jitter.seconds) > date ? time.addingTimeInterval(jitter.seconds) : nil
            case .every, .after: nil
            }
        }
    }

    private var entries: [UInt64: Entry] = [:]
    private var heap = BinaryHeap()
    private var lastNumber: UInt64 = 0
    /// How many are due on the calendar.
    private var datedCount = 0
    /// Wall minus uptime, as the estimates assume it.
    private var offset: TimeInterval?

    var count: Int { entries.count }

    /// Nil when a trigger on the calendar has no further time.
    mutating func add(_ trigger: Trigger, jitter: Duration = .zero, at now: Moment) -> ScheduleID? {
        var entry = Entry(trigger: trigger, jitter: jitter, due: now.uptime + jitter)
        switch trigger {
        case .every(_, atOnce: true): break
        case .every(let interval, _): entry.due += interval
        case .after(let delay): entry.due += max(.zero, delay)
        case .cron, .at:
            guard let date = entry.next(after: now.wall) else { return nil }
            entry.date = date
            entry.due = now.uptime(of: date)
            datedCount += 1
            if offset == nil { offset = Self.offset(now) }
        }
        lastNumber += 1
        entries[lastNumber] = entry
        heap.insert(.init(due: entry.due, number: lastNumber))
        return ScheduleID(number: lastNumber)
    }

    mutating func remove(_ id: ScheduleID) {
        guard let entry = entries.removeValue(forKey: id.number) else { return }
        if entry.date != nil { datedCount -= 1 }
        if heap.count > 64, heap.count > entries.count * 2 { rebuild() }
    }

    /// When the schedule is due next.
    func next(of id: ScheduleID, at now: Moment) -> Date? {
        entries[id.number].map { $0.date ?? now.wall(at: $0.due) }
    }

    /// The earliest uptime at which something is due by what is known now.
    var firstDue: Duration? {
        mutating get {
            dropStale()
            return heap.first?.due
        }
    }

    /// The uptime at which ``due(at:)`` is to be asked again; nil while there is nothing to wait for.
    mutating func deadline(at now: Moment) -> Duration? {
        dropStale()
        guard let first = heap.first else { return nil }
        return datedCount > 0 ? min(first.due, now.uptime + Self.calendarCheck) : first.due
    }

    /// Takes what is due, in the order of its time, and works out when each is due next.
    mutating func due(at now: Moment) -> [Firing] {
        noticeCalendar(now)
        var firings: [Firing] = []
        // Each round takes an item off or moves it beyond now, so there are at most as many as items.
        for _ in 0..<heap.count {
            dropStale()
            guard let item = heap.first, item.due <= now.uptime, var entry = entries[item.number] else { break }
            if let date = entry.date, date > now.wall {
                entry.due = max(now.uptime(of: date), now.uptime + .milliseconds(1))
            } else {
                firings.append(firing(of: entry, number: item.number, now))
                guard let next = following(entry, now) else {
                    remove(ScheduleID(number: item.number))
                    continue
                }
                entry = next
            }
            entries[item.number] = entry
            heap.replaceFirst(.init(due: entry.due, number: item.number))
        }
        return firings
    }

    private func firing(of entry: Entry, number: UInt64, _ now: Moment) -> Firing {
        let scheduled = entry.date ?? now.wall(at: entry.due)
        let lateness = max(.zero, entry.date.map { .seconds(now.wall.timeIntervalSince($0)) } ?? now.uptime - entry.due)
        return Firing(
            id: ScheduleID(number: number), scheduled: scheduled, lateness: lateness,
            missed: entry.date != nil && lateness > Self.grace)
    }

    private func following(_ entry: Entry, _ now: Moment) -> Entry? {
        var entry = entry
        switch entry.trigger {
        case .after, .at:
            return nil
        case .every(let interval, _):
            // Times that passed while nobody looked are left out, and the rhythm is kept.
            let behind = now.uptime - entry.due
            entry.due += behind < interval ? interval : interval * Int((behind / interval).rounded(.down)) + interval
            if entry.due <= now.uptime { entry.due = now.uptime + interval }
        case .cron:
            guard let date = entry.next(after: max(now.wall, entry.date ?? now.wall)) else { return nil }
            entry.date = date
            entry.due = now.uptime(of: date)
        }
        return entry
    }

    private mutating func noticeCalendar(_ now: Moment) {
        guard datedCount > 0, let before = offset else { return offset = nil }
        let after = Self.offset(now)
        guard abs(after - before) > 0.25 else { return }
        offset = after
        let isCorrection = before - after > Self.correction.seconds
        for (number, var entry) in entries {
            guard var date = entry.date else { continue }
            if isCorrection { date = entry.next(after: now.wall) ?? date }
            entry.date = date
            entry.due = now.uptime(of: date)
            entries[number] = entry
        }
        rebuild()
    }

    private mutating func dropStale() {
        while let item = heap.first, entries[item.number]?.due != item.due { heap.removeFirst() }
    }

    private mutating func rebuild() {
        heap = BinaryHeap(entries.map { .init(due: $0.value.due, number: $0.key) })
    }

    private static func offset(_ moment: Moment) -> TimeInterval {
        moment.wall.timeIntervalSince1970 - moment.uptime.seconds
    }
}
