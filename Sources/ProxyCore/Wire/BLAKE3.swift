// SPDX-License-Identifier: Apache-2.0

/// BLAKE3: hashing, keyed hashing and key derivation, with output of any length. For short inputs (keys, names): one
/// compression at a time, in plain Swift.
package enum BLAKE3 {
    package static func hash(_ input: [UInt8], count: Int = 32) -> [UInt8] {
        output(input, key: initial, flags: 0).bytes(count)
    }

    /// - Parameter key: 32 bytes; missing ones are zero.
    package static func keyedHash(key: [UInt8], _ input: [UInt8], count: Int = 32) -> [UInt8] {
        output(input, key: words(key[...], count: 8), flags: Flags.keyedHash).bytes(count)
    }

    /// Derives keys for one purpose.
    package struct KeyDerivation: Sendable {
        private let key: [UInt32]

        /// - Parameter context: A text that names the application and the purpose, and never depends on data.
        package init(context: String) {
            let bytes = output(Array(context.utf8), key: initial, flags: Flags.deriveContext).bytes(32)
            key = words(bytes[...], count: 8)
        }

        package func key(_ material: [UInt8], count: Int = 32) -> [UInt8] {
            output(material, key: key, flags: Flags.deriveMaterial).bytes(count)
        }
    }

    private enum Flags {
        static let chunkStart: UInt32 = 1
        static let chunkEnd: UInt32 = 2
        static let parent: UInt32 = 4
        static let root: UInt32 = 8
        static let keyedHash: UInt32 = 16
        static let deriveContext: UInt32 = 32
        static let deriveMaterial: UInt32 = 64
    }

    private static let blockLength = 64
    private static let chunkLength = 1024

    private static let initial: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]

    private static let permutation = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]

    /// The last compression of a subtree, not done yet: as the root it gives any number of bytes.
    private struct Output {
        var chaining: [UInt32]
        var block: [UInt32]
        var blockLength: UInt32
        var counter: UInt64
        var flags: UInt32

        var chainingValue: [UInt32] { Array(BLAKE3.compress(self, counter: counter, flags: flags).prefix(8)) }

        func bytes(_ count: Int) -> [UInt8] {
            var bytes: [UInt8] = []
            var counter: UInt64 = 0
            while bytes.count < count {
                for word in BLAKE3.compress(self, counter: counter, flags: flags | Flags.root) {
                    for shift: UInt32 in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
                }
                counter += 1
            }
            return Array(bytes.prefix(count))
        }
    }

    /// The tree's left side is the largest power of two of chunks that leaves something for the right.
    private static func output(
        _ input: [UInt8], key: [UInt32], flags: UInt32, firstChunk: UInt64 = 0
    ) -> Output {
        guard input.count > chunkLength else { return chunk(input, key: key, flags: flags, counter: firstChunk) }
        var left = chunkLength
        while left * 2 < input.count { left *= 2 }
        let sides = [
            output(Array(input[..<left]), key: key, flags: flags, firstChunk: firstChunk),
            output(Array(input[left...]), key: key, flags: flags, firstChunk: firstChunk + UInt64(left / chunkLength)),
        ]
        return Output(
            chaining: key, block: sides.flatMap(\.chainingValue), blockLength: UInt32(blockLength), counter: 0,
            flags: flags | Flags.parent)
    }

    private static func chunk(_ input: [UInt8], key: [UInt32], flags: UInt32, counter: UInt64) -> Output {
        var chaining = key
        var start = 0
        while true {
            let end = min(start + blockLength, input.count)
            let isLast = end == input.count
            let output = Output(
                chaining: chaining, block: words(input[start..<end], count: 16), blockLength: UInt32(end - start),
                counter: counter,
                flags: flags | (start == 0 ? Flags.chunkStart : 0) | (isLast ? Flags.chunkEnd : 0))
            if isLast { return output }
            chaining = output.chainingValue
            start = end
        }
    }

    private static func compress(_ output: Output, counter: UInt64, flags: UInt32) -> [UInt32] {
        var state =
            output.chaining + initial.prefix(4) + [
                UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32), output.blockLength,
                flags,
            ]
        var block = output.block
        for round in 0..<7 {
            if round > 0 { block = permutation.map { block[$0] } }
            mix(&state, 0, 4, 8, 12, block[0], block[1])
            mix(&state, 1, 5, 9, 13, block[2], block[3])
            mix(&state, 2, 6, 10, 14, block[4], block[5])
            mix(&state, 3, 7, 11, 15, block[6], block[7])
            mix(&state, 0, 5, 10, 15, block[8], block[9])
            mix(&state, 1, 6, 11, 12, block[10], block[11])
            mix(&state, 2, 7, 8, 13, block[12], block[13])
            mix(&state, 3, 4, 9, 14, block[14], block[15])
        }
        for index in 0..<8 {
            state[index] ^= state[index + 8]
            state[index + 8] ^= output.chaining[index]
        }
        return state
    }

    private static func mix(
        _ state: inout [UInt32], _ a: Int, _ b: Int, _ c: Int, _ d: Int, _ x: UInt32, _ y: UInt32
    ) {
        func rotated(_ word: UInt32, _ bits: UInt32) -> UInt32 { word >> bits | word << (32 - bits) }
        state[a] = state[a] &+ state[b] &+ x
        state[d] = rotated(state[d] ^ state[a], 16)
        state[c] = state[c] &+ state[d]
        state[b] = rotated(state[b] ^ state[c], 12)
        state[a] = state[a] &+ state[b] &+ y
        state[d] = rotated(state[d] ^ state[a], 8)
        state[c] = state[c] &+ state[d]
        state[b] = rotated(state[b] ^ state[c], 7)
    }

    /// Little-endian words; missing bytes are zero.
    private static func words(_ bytes: ArraySlice<UInt8>, count: Int) -> [UInt32] {
        var words = [UInt32](repeating: 0, count: count)
        for (index, byte) in bytes.prefix(count * 4).enumerated() {
            words[index / 4] |= UInt32(byte) << UInt32(index % 4 * 8)
        }
        return words
    }
}
