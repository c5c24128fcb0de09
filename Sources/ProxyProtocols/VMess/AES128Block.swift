// SPDX-License-Identifier: Apache-2.0

/// AES-128 on single blocks (FIPS 197), decryption only: VMess finds a request's user by decrypting 16 bytes with every
/// user's key, so the key schedule is kept and a block costs some 100 ns.
///
/// The cryptography library that we build on has no single blocks. Table look-ups take a time that depends on the data;
/// nobody but a user of the same machine could measure that, and what the key protects is a time stamp.
package struct AES128Block: Sendable {
    /// 11 round keys of 4 words, in the order of decryption.
    private let schedule: [UInt32]

    /// - Parameter key: 16 bytes; more are ignored, missing ones are zero.
    package init(key: [UInt8]) {
        let padded = key + Array(repeating: 0, count: 16)
        var words: [UInt32] = (0..<4).map { Self.word(padded, at: 4 * $0) }
        var constant: UInt32 = 1
        for index in 4..<44 {
            var word = words[index - 1]
            if index % 4 == 0 {
                word = Self.substituted(word << 8 | word >> 24) ^ constant << 24
                constant = UInt32(Tables.doubled(UInt8(truncatingIfNeeded: constant)))
            }
            words.append(words[index - 4] ^ word)
        }
        // The equivalent inverse cipher: rounds in reverse, the inner keys mixed.
        schedule = (0...10).flatMap { round -> [UInt32] in
            let keys = words[(40 - 4 * round)..<(44 - 4 * round)]
            return round == 0 || round == 10 ? Array(keys) : keys.map(Self.unmixed)
        }
    }

    /// The plaintext of a block, both as two big-endian halves.
    package func decrypt(high: UInt64, low: UInt64) -> (high: UInt64, low: UInt64) {
        var s = (
            UInt32(truncatingIfNeeded: high >> 32) ^ schedule[0], UInt32(truncatingIfNeeded: high) ^ schedule[1],
            UInt32(truncatingIfNeeded: low >> 32) ^ schedule[2], UInt32(truncatingIfNeeded: low) ^ schedule[3]
        )
        for round in 1..<10 {
            s = (
                Self.mixed(s.0, s.3, s.2, s.1) ^ schedule[4 * round],
                Self.mixed(s.1, s.0, s.3, s.2) ^ schedule[4 * round + 1],
                Self.mixed(s.2, s.1, s.0, s.3) ^ schedule[4 * round + 2],
                Self.mixed(s.3, s.2, s.1, s.0) ^ schedule[4 * round + 3]
            )
        }
        let w0 = Self.shifted(s.0, s.3, s.2, s.1) ^ schedule[40]
        let w1 = Self.shifted(s.1, s.0, s.3, s.2) ^ schedule[41]
        let w2 = Self.shifted(s.2, s.1, s.0, s.3) ^ schedule[42]
        let w3 = Self.shifted(s.3, s.2, s.1, s.0) ^ schedule[43]
        return (UInt64(w0) << 32 | UInt64(w1), UInt64(w2) << 32 | UInt64(w3))
    }

    private static func word(_ bytes: [UInt8], at index: Int) -> UInt32 {
        bytes[index..<index + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static func byte(_ word: UInt32, _ index: UInt32) -> Int { Int(word >> (24 - 8 * index) & 255) }

    private static func substituted(_ word: UInt32) -> UInt32 {
        (UInt32(0)..<4).reduce(0) { $0 << 8 | UInt32(Tables.shared.forward[byte(word, $1)]) }
    }

    private static func unmixed(_ word: UInt32) -> UInt32 {
        let t = Tables.shared
        return (UInt32(0)..<4).reduce(0) { result, index in
            let mixed = t.mix[Int(t.forward[byte(word, index)])]
            return result ^ (mixed >> (8 * index) | (index == 0 ? 0 : mixed << (32 - 8 * index)))
        }
    }

    /// One column of an inner round, without the key.
    private static func mixed(_ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: UInt32) -> UInt32 {
        let mix = Tables.shared.mix
        let (w0, w1, w2, w3) = (mix[byte(a, 0)], mix[byte(b, 1)], mix[byte(c, 2)], mix[byte(d, 3)])
        return w0 ^ (w1 >> 8 | w1 << 24) ^ (w2 >> 16 | w2 << 16) ^ (w3 >> 24 | w3 << 8)
    }

    /// One column of the last round, without the key.
    private static func shifted(_ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: UInt32) -> UInt32 {
        let inverse = Tables.shared.inverse
        return UInt32(inverse[byte(a, 0)]) << 24 | UInt32(inverse[byte(b, 1)]) << 16
            | UInt32(inverse[byte(c, 2)]) << 8 | UInt32(inverse[byte(d, 3)])
    }

    private struct Tables: Sendable {
        static let shared = Tables()

        /// The S-box, its inverse, and the inverse S-box with the inverse column mix of its first row.
        var forward = [UInt8](repeating: 0, count: 256)
        var inverse = [UInt8](repeating: 0, count: 256)
        var mix = [UInt32](repeating: 0, count: 256)

        private init() {
            // p runs through all non-zero elements of the field as powers of 3, q through their inverses.
            var p: UInt8 = 1
            var q: UInt8 = 1
            repeat {
                p ^= Self.doubled(p)
                q ^= q << 1
                q ^= q << 2
                q ^= q << 4
                if q & 0x80 != 0 { q ^= 0x09 }
                let mixed = [1, 2, 3, 4].reduce(q) { $0 ^ (q << $1 | q >> (8 - $1)) }
                forward[Int(p)] = mixed ^ 0x63
            } while p != 1
            forward[0] = 0x63
            for (index, value) in forward.enumerated() { inverse[Int(value)] = UInt8(truncatingIfNeeded: index) }
            for (index, value) in inverse.enumerated() {
                let two = Self.doubled(value)
                let four = Self.doubled(two)
                let eight = Self.doubled(four)
                let column = [eight ^ four ^ two, eight ^ value, eight ^ four ^ value, eight ^ two ^ value]
                mix[index] = column.reduce(0) { $0 << 8 | UInt32($1) }
            }
        }

        /// Multiplication by 2 in the field.
        static func doubled(_ value: UInt8) -> UInt8 { value << 1 ^ (value & 0x80 != 0 ? 0x1b : 0) }
    }
}
