// SPDX-License-Identifier: Apache-2.0

/// A domain as the sets look it up: in lower case, with the hashes of its suffixes, which are worked out once for all sets.
struct DomainName: Sendable {
    struct Suffix: Sendable {
        /// Where in `bytes` the suffix starts.
        let start: Int
        let hash: UInt64
    }

    /// UTF-8.
    let bytes: [UInt8]
    /// What follows each dot, from the shortest, and at last the whole name.
    let suffixes: [Suffix]

    init(_ text: String) {
        bytes = Self.lowercased(text)
        var suffixes: [Suffix] = []
        suffixes.reserveCapacity(6)
        var hash = Self.seed
        var index = bytes.count
        while index > 0 {
            let byte = bytes[index - 1]
            if byte == UInt8(ascii: ".") { suffixes.append(Suffix(start: index, hash: Self.finish(hash))) }
            hash = Self.mix(hash, byte)
            index -= 1
        }
        suffixes.append(Suffix(start: 0, hash: Self.finish(hash)))
        self.suffixes = suffixes
    }

    static func lowercased(_ text: String) -> [UInt8] {
        var bytes = Array(text.utf8)
        var isASCII = true
        for index in bytes.indices {
            let byte = bytes[index]
            if byte &- 0x41 < 26 { bytes[index] = byte | 0x20 }
            isASCII = isASCII && byte < 0x80
        }
        return isASCII ? bytes : Array(text.lowercased().utf8)
    }

    /// FNV-1a from the last byte to the first. The names in sets are the operator's choice and not the peer's, so the hash
    /// needs no secret.
    static func hash(_ name: [UInt8]) -> UInt64 {
        finish(name.reversed().reduce(seed, mix))
    }

    private static let seed: UInt64 = 0xcbf2_9ce4_8422_2325

    private static func mix(_ hash: UInt64, _ byte: UInt8) -> UInt64 {
        (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }

    private static func finish(_ hash: UInt64) -> UInt64 {
        (hash ^ hash >> 32) &* 0x9e37_79b9_7f4a_7c15 >> 7
    }
}
