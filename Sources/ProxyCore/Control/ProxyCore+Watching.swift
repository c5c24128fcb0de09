// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyModel
import Synchronization
import Telemetry

/// Events and thresholds.
extension ProxyCore {
    package func raise(_ event: CoreEvent.OfScript) { services.events.publish(.script(event)) }

    package func observeEvents(
        _ topics: CoreEvent.Topics, _ body: @escaping @Sendable (CoreEvent) -> Void
    ) -> any ControlSubscription {
        if topics.contains(.log) { services.publishLogLines() }
        let events = services.events
        let id = events.observe(topics, body)
        return Cancellation { events.removeObserver(id) }
    }

    package func watchCounters(
        _ pattern: String, threshold: Int64, ofTotals: Bool, _ body: @escaping @Sendable (CounterCrossing) -> Void
    ) throws -> any ControlSubscription {
        let stats = services.stats
        let id = stats.watch(CounterPattern(pattern), threshold: threshold, ofTotals: ofTotals, body)
        return Cancellation { stats.removeWatch(id) }
    }
}

private final class Cancellation: ControlSubscription {
    private let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    func cancel() { body() }
}

extension CoreServices {
    /// Makes lines of the error log events, from the first call on. Those of scripts are left out: a script that is told of
    /// lines and writes one would be told of that, too.
    func publishLogLines() {
        guard !publishesLogLines.exchange(true, ordering: .relaxed) else { return }
        log.observe { [weak self] level, line in
            guard let events = self?.events, events.wants(.log), !line.contains("] automation: script/") else { return }
            events.publish(.logLine(level: level, text: line))
        }
    }
}
