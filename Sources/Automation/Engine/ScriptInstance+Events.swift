// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import LuaRuntime
import ProxyModel
import Synchronization

/// How events reach a script.
extension ScriptInstance {
    static let mostSubscriptions = 1000

    func add(_ subscription: ScriptSubscription) throws {
        guard phase == .loading || phase == .active else { throw LuaError("the script is being stopped") }
        let count = shared.withLock { shared in
            shared.subscriptions[subscription.number] = subscription
            return shared.subscriptions.count
        }
        do {
            guard count <= mostSubscriptions(of: subscription) else {
                throw LuaError("a script may have \(mostSubscriptions(of: subscription)) subscriptions")
            }
            if phase == .active { try activate(subscription) }
        } catch {
            remove(subscription)
            throw error
        }
    }

    /// A watch costs a counter nothing, so there may be one for each user.
    private func mostSubscriptions(of subscription: ScriptSubscription) -> Int {
        if case .counters = subscription.source { 200_000 } else { Self.mostSubscriptions }
    }

    func remove(_ subscription: ScriptSubscription) {
        subscription.cancel()
        // Released when the lock is free.
        let removed = shared.withLock { $0.subscriptions.removeValue(forKey: subscription.number) }
        withExtendedLifetime(removed) {}
    }

    func activate(_ subscription: ScriptSubscription) throws {
        let source: any ControlSubscription
        switch subscription.source {
        case .events(let filter) where filter.topics.isEmpty:
            return
        case .events(let filter):
            source = context.control.observeEvents(filter.topics) { [weak self] event in
                self?.deliver(ScriptEvent(event.kind), to: subscription)
            }
        case .counters(let pattern, let threshold, let ofTotals):
            source = try context.control.watchCounters(pattern, threshold: threshold, ofTotals: ofTotals) {
                [weak self] crossing in
                self?.deliver(ScriptEvent(crossing), to: subscription)
            }
        }
        if !subscription.activated(by: source) { source.cancel() }
    }

    /// May be called on any thread.
    func deliver(_ event: ScriptEvent, to subscription: ScriptSubscription) {
        guard subscription.deliver(event) else { return }
        context.pool.submit(lane) { [self] in handleNext(subscription) }
    }

    /// Tells the script's own subscriptions of its life.
    func raise(_ event: ScriptEvent) {
        for subscription in subscriptions {
            guard case .events = subscription.source else { continue }
            deliver(event, to: subscription)
        }
    }

    /// Starts a run for the next event, if there is one. On the lane.
    func handleNext(_ subscription: ScriptSubscription) {
        guard phase == .active, let (event, dropped) = subscription.take() else { return }
        if dropped > 0 { log(.warning, "\(subscription.name): \(dropped) events were dropped, they come too fast") }
        begin(
            subscription.function, role: .subscription(subscription), scheduled: context.clock.wall,
            arguments: [event.table(dropped: dropped)])
    }

    /// Waits for the first event that fits; `time-out` answers nil.
    func wait(_ run: ScriptRun, for filter: EventFilter, atMost limit: Duration?) {
        let waiter = EventWaiter()
        run.phase = .waiting(waiter)
        waiter.start(
            context.control.observeEvents(filter.topics) { [weak self, weak waiter] event in
                let event = ScriptEvent(event.kind)
                guard filter.matches(event), let self, let waiter, waiter.finish() else { return }
                context.pool.submit(lane) { [self] in
                    waiter.cancel(context.scheduler)
                    wake(
                        run,
                        .success(
                            ScriptAnswer {
                                $0.push(event.table()); return 1
                            }))
                }
            })
        guard let limit else { return }
        let timer = try? context.scheduler.add(.after(limit)) { [weak self, weak waiter] _ in
            guard let self, let waiter, waiter.finish() else { return }
            context.pool.submit(lane) { [self] in
                waiter.cancel(context.scheduler)
                wake(
                    run,
                    .success(
                        ScriptAnswer {
                            $0.pushNil(); return 1
                        }))
            }
        }
        waiter.timer(timer, context.scheduler)
    }
}

/// What a run that waits for an event holds until the event or the time-out comes, whichever is first.
final class EventWaiter: Sendable {
    private struct State {
        var isFinished = false
        var source: (any ControlSubscription)?
        var timer: ScheduleID?
        var isCancelled = false
    }

    private let state = Mutex(State())

    /// True for the first caller.
    func finish() -> Bool {
        state.withLock { state in
            defer { state.isFinished = true }
            return !state.isFinished
        }
    }

    func start(_ source: any ControlSubscription) {
        let isLate = state.withLock { state in
            if !state.isCancelled { state.source = source }
            return state.isCancelled
        }
        if isLate { source.cancel() }
    }

    func timer(_ timer: ScheduleID?, _ scheduler: Scheduler) {
        let isLate = state.withLock { state in
            if !state.isCancelled { state.timer = timer }
            return state.isCancelled
        }
        if isLate, let timer { scheduler.remove(timer) }
    }

    /// Not from within the source.
    func cancel(_ scheduler: Scheduler) {
        let (source, timer) = state.withLock { state in
            state.isCancelled = true
            state.isFinished = true
            defer { (state.source, state.timer) = (nil, nil) }
            return (state.source, state.timer)
        }
        source?.cancel()
        if let timer { scheduler.remove(timer) }
    }
}
