// SPDX-License-Identifier: Apache-2.0

/// A series of byte ranges that together are the UTF-8 forms of a range of scalars, such as `[e1-ec][80-bf][80-bf]`.
struct UTF8Sequence: Equatable {
    var bytes: [ClosedRange<UInt8>]

    /// The sequences of a range, without those of surrogates.
    static func covering(_ range: ClosedRange<UInt32>) -> [UTF8Sequence] {
        var sequences: [UTF8Sequence] = []
        let parts: [ClosedRange<UInt32>] = [
            0...0x7f, 0x80...0x7ff, 0x800...0xd7ff, 0xe000...0xffff, 0x1_0000...0x10_ffff,
        ]
        for part in parts where part.overlaps(range) {
            split(part.clamped(to: range), into: &sequences)
        }
        return sequences
    }

    /// Splits until all but the first bytes that differ run through all their values.
    private static func split(_ range: ClosedRange<UInt32>, into sequences: inout [UTF8Sequence]) {
        let lower = range.lowerBound
        let upper = range.upperBound
        let length = encoded(lower).count
        for index in 1..<max(1, length) {
            let mask: UInt32 = 1 << UInt32(6 * index) - 1
            guard lower & ~mask != upper & ~mask else { continue }
            if lower & mask != 0 {
                split(lower...(lower | mask), into: &sequences)
                split(((lower | mask) + 1)...upper, into: &sequences)
                return
            }
            if upper & mask != mask {
                split(lower...((upper & ~mask) - 1), into: &sequences)
                split((upper & ~mask)...upper, into: &sequences)
                return
            }
        }
        sequences.append(UTF8Sequence(bytes: zip(encoded(lower), encoded(upper)).map { $0...$1 }))
    }

    private static func encoded(_ value: UInt32) -> [UInt8] {
        func tail(_ shift: UInt32) -> UInt8 { UInt8(0x80 | value >> shift & 0x3f) }
        switch value {
        case 0..<0x80: return [UInt8(value)]
        case 0x80..<0x800: return [UInt8(0xc0 | value >> 6), tail(0)]
        case 0x800..<0x1_0000: return [UInt8(0xe0 | value >> 12), tail(6), tail(0)]
        default: return [UInt8(truncatingIfNeeded: 0xf0 | value >> 18), tail(12), tail(6), tail(0)]
        }
    }
}
