// SPDX-License-Identifier: Apache-2.0

/// A hash that is the same in every process and on every machine: FNV-1a, 64 bits, mixed once more so that names that differ in
/// their last letter lie far apart.
enum StableHash {
    static func hash(_ text: String) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        hash ^= hash >> 32
        hash = hash &* 0xd6e8_feb8_6659_fd93
        return hash ^ hash >> 32
    }

    /// A share of `range` that belongs to the text: from zero up to, but not including, the range. Whole milliseconds.
    static func share(of range: Duration, for text: String) -> Duration {
        let milliseconds = UInt64(max(0, range.seconds * 1000))
        return milliseconds == 0 ? .zero : .milliseconds(Int64(hash(text) % milliseconds))
    }
}
