// SPDX-License-Identifier: Apache-2.0

/// A counter, or the sum of counters that differ in their last part, that has reached a threshold.
package struct CounterCrossing: Sendable, Equatable {
    /// The counter's name; `user>>>a@example.com>>>traffic` for a sum over the directions.
    package var counter: String
    /// What it was found to be; never less than the threshold.
    package var value: Int64
    package var threshold: Int64

    package init(counter: String, value: Int64, threshold: Int64) {
        self.counter = counter
        self.value = value
        self.threshold = threshold
    }
}
