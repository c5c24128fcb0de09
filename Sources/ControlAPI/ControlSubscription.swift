// SPDX-License-Identifier: Apache-2.0
package import ProxyModel

/// Something that goes on until it is cancelled.
package protocol ControlSubscription: AnyObject, Sendable {
    /// Ends it. A call that has begun on another thread may still come.
    func cancel()
}

/// For planes that only have ``ControlPlane/events(buffer:)``: events arrive some time later, on a task.
extension ControlPlane {
    package func observeEvents(
        _ topics: CoreEvent.Topics, _ body: @escaping @Sendable (CoreEvent) -> Void
    ) -> any ControlSubscription {
        let events = events(buffer: 1024)
        return TaskSubscription(
            Task.detached {
                for await case .event(let event) in events where topics.contains(event.kind.topic) { body(event) }
            })
    }

    package func watchCounters(
        _ pattern: String, threshold: Int64, ofTotals: Bool, _ body: @escaping @Sendable (CounterCrossing) -> Void
    ) throws -> any ControlSubscription {
        throw ControlError(code: .unimplemented, "this core cannot watch counters")
    }
}

private final class TaskSubscription: ControlSubscription {
    private let task: Task<Void, Never>
    init(_ task: Task<Void, Never>) { self.task = task }
    func cancel() { task.cancel() }
}
