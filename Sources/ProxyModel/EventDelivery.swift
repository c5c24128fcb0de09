// SPDX-License-Identifier: Apache-2.0

/// What a reader of the event bus gets.
package enum EventDelivery: Sendable, Equatable {
    case event(CoreEvent)
    /// The reader was too slow: this many events were dropped since the last delivery.
    case dropped(Int)
}
