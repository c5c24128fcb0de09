// SPDX-License-Identifier: Apache-2.0

/// How often each byte occurs in the text to be searched.
struct ByteFrequency: Sendable {
    private var counts = [Int](repeating: 0, count: 256)

    mutating func count(_ bytes: UnsafeBufferPointer<UInt8>) {
        for byte in bytes { counts[Int(byte)] += 1 }
    }

    subscript(byte: UInt8) -> Int { counts[Int(byte)] }
}

/// Substring search that compares the two rarest bytes of the needle at 32 positions at once and looks closer only where
/// both are in place. Names of users differ in a few bytes, which makes skipping by the needle's end slow.
struct ByteSearch {
    private let needle: [UInt8]
    /// The offsets, in the needle, of its two rarest bytes (the same one twice for a needle of one byte).
    private let first: Int
    private let second: Int

    /// `needle` must not be empty.
    init(_ needle: [UInt8], frequency: ByteFrequency) {
        precondition(!needle.isEmpty, "the caller handles the empty needle")
        self.needle = needle
        let byRarity = needle.indices.sorted { frequency[needle[$0]] < frequency[needle[$1]] }
        let rarest = byRarity[0]
        first = rarest
        // A second look at an equal byte would tell less than another one.
        second = byRarity.dropFirst().first { needle[$0] != needle[rarest] } ?? byRarity[byRarity.count - 1]
    }

    /// Calls `body` with each stem of the view that contains the needle, once, in order.
    func forEachStem(of view: NameChunk.View, _ body: (Int) -> Void) {
        let text = view.text
        var position = 0
        while let match = firstMatch(in: text, from: position) {
            let (stem, end) = view.stem(at: match)
            body(stem)
            position = end
        }
    }

    /// The first offset not below `start` at which the needle lies.
    func firstMatch(in text: UnsafeRawBufferPointer, from start: Int) -> Int? {
        let last = text.count - needle.count
        guard start <= last, let base = text.baseAddress else { return nil }
        let left = base + first
        let right = base + second
        let firstByte = UInt64(needle[first]) &* Self.ones
        let secondByte = UInt64(needle[second]) &* Self.ones
        var position = start
        while position <= last &- 31 {
            var marks: UInt64 = 0
            for word in 0..<4 {
                let offset = position &+ word &* 8
                let difference =
                    (left.loadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ firstByte)
                    | (right.loadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ secondByte)
                // The top bit of each zero byte, where both bytes are in place; sometimes of a byte above one, too.
                marks |= (difference &- Self.ones) & ~difference & Self.tops
            }
            if marks != 0 {
                for offset in 0..<32 where isMatch(base + position + offset) { return position + offset }
            }
            position = position &+ 32
        }
        while position <= last {
            if isMatch(base + position) { return position }
            position += 1
        }
        return nil
    }

    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let tops: UInt64 = 0x8080_8080_8080_8080

    private func isMatch(_ place: UnsafeRawPointer) -> Bool {
        guard place.load(fromByteOffset: first, as: UInt8.self) == needle[first],
            place.load(fromByteOffset: second, as: UInt8.self) == needle[second]
        else { return false }
        return UnsafeRawBufferPointer(start: place, count: needle.count).elementsEqual(needle)
    }
}
