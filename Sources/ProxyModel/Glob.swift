// SPDX-License-Identifier: Apache-2.0

/// Text in which each `*` stands for any text, also for none. Compared by bytes; matching takes time in proportion to the product of
/// the lengths at worst.
package struct Glob: Sendable, Hashable {
    private let pattern: [UInt8]
    private static let star = UInt8(ascii: "*")

    package init(_ pattern: String) { self.pattern = Array(pattern.utf8) }

    package func matches(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { text in
            var (at, place) = (0, 0)
            var retry: (at: Int, place: Int)?
            while at < text.count {
                if place < pattern.count, pattern[place] == Self.star {
                    retry = (at, place + 1)
                    place += 1
                } else if place < pattern.count, pattern[place] == text[at] {
                    (at, place) = (at + 1, place + 1)
                } else if let from = retry {
                    // The last `*` takes one byte more.
                    retry = (from.at + 1, from.place)
                    (at, place) = (from.at + 1, from.place)
                } else {
                    return false
                }
            }
            return pattern[place...].allSatisfy { $0 == Self.star }
        }
    }
}
