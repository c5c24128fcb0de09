// SPDX-License-Identifier: Apache-2.0
package import ProxyModel
import Synchronization

/// Where in a list of users the last one of each source address was, so that those who come again are found at once. Only a
/// hint: whoever takes it checks it like any other position, so a list that has changed does no harm.
package final class SourceHints: Sendable {
    /// Sources that are remembered; beyond it all are forgotten.
    private static let capacity = 16_384

    private let positions = Mutex<[IPAddress: Int]>([:])

    package init() {}

    package func position(_ source: IPAddress) -> Int? {
        positions.withLock { $0[source] }
    }

    package func remember(_ position: Int, for source: IPAddress) {
        positions.withLock { positions in
            if positions.count >= Self.capacity { positions.removeAll(keepingCapacity: true) }
            positions[source] = position
        }
    }
}
