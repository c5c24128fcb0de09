// SPDX-License-Identifier: Apache-2.0
import ProxyModel

/// Which counters a watch is for, and which of them are added up.
///
/// A `*` stands for any text. Where the part behind the last `>>>` is `*`, counters that differ in that part alone count
/// together: `user>>>a@b>>>traffic>>>*` is the sum of uplink and downlink.
package struct CounterPattern: Sendable, Hashable {
    package let text: String
    private let bytes: [UInt8]
    private let glob: Glob
    /// What stands before the first `*`.
    let prefix: String
    let isSum: Bool

    private static let star = UInt8(ascii: "*")
    private static let separator = Array(">>>".utf8)

    package init(_ text: String) {
        self.text = text
        bytes = Array(text.utf8)
        glob = Glob(text)
        prefix = String(decoding: bytes.prefix { $0 != Self.star }, as: UTF8.self)
        isSum = text.hasSuffix(">>>*")
    }

    /// All names that can match, where that is known without a search: below `traffic` there are two directions.
    var names: [String]? {
        if prefix.utf8.count == bytes.count { return [text] }
        guard prefix.utf8.count == bytes.count - 1, prefix.hasSuffix(">>>traffic>>>") else { return nil }
        return [prefix + "uplink", prefix + "downlink"]
    }

    /// The longest text without a `*`, for a search.
    var longestText: String {
        let longest = bytes.split(separator: Self.star).max { $0.count < $1.count } ?? []
        return String(decoding: longest, as: UTF8.self)
    }

    package func matches(_ name: String) -> Bool { glob.matches(name) }

    /// What is counted together with the counter called `name`: its name without the last part for a sum.
    func subject(of name: String) -> String {
        guard isSum else { return name }
        let bytes = Array(name.utf8)
        var end = bytes.count - 3
        while end > 0, !bytes[end...].starts(with: Self.separator) { end -= 1 }
        return end > 0 ? String(decoding: bytes[..<end], as: UTF8.self) : name
    }
}
