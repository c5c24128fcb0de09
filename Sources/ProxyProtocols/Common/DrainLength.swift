// SPDX-License-Identifier: Apache-2.0

/// After a request that is not genuine so many bytes are read before closing: the same number for all connections of a
/// server up to a small range, so that a prober learns nothing from the moment when the connection ends.
package struct DrainLength: Sendable {
    private let base = 54 + Int.random(in: 0..<3266)
    private let range = Int.random(in: 1...64)

    package init() {}

    /// How many bytes to read and discard when `received` bytes of the connection are there already.
    package func left(after received: Int) -> Int { max(0, base + Int.random(in: 0..<range) - received) }
}
