// SPDX-License-Identifier: Apache-2.0

/// Which numbers of a sequence were seen, of the last `width` below the highest one (RFC 6479).
package struct ReplayWindow: Sendable {
    /// Numbers that are told apart: as many datagrams may be overtaken by others.
    package static let width: UInt64 = 2048
    private static let words = Int(width / 64) + 1

    private var bits = [UInt64](repeating: 0, count: words)
    /// One more than the highest number seen.
    private var end: UInt64 = 0

    package init() {}

    /// False for a number that was seen, or that is too old to know.
    package func admits(_ number: UInt64) -> Bool {
        guard number < end else { return number < .max }
        guard end - number <= Self.width else { return false }
        return bits[Self.word(number)] & Self.bit(number) == 0
    }

    /// Marks a number as seen; false when it is not admitted.
    package mutating func insert(_ number: UInt64) -> Bool {
        guard admits(number) else { return false }
        if number >= end {
            // The words between the old end and the new one are of numbers that were not seen yet.
            let first = end / 64 + (end % 64 == 0 ? 0 : 1)
            let last = number / 64
            if first <= last {
                for word in first...min(last, first + UInt64(Self.words) - 1) {
                    bits[Int(word % UInt64(Self.words))] = 0
                }
            }
            end = number + 1
        }
        bits[Self.word(number)] |= Self.bit(number)
        return true
    }

    private static func word(_ number: UInt64) -> Int { Int(number / 64 % UInt64(words)) }
    private static func bit(_ number: UInt64) -> UInt64 { 1 << (number % 64) }
}
