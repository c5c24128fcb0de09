// SPDX-License-Identifier: Apache-2.0

/// SHAKE-128 (FIPS 202) over a short input, read as a stream of 16-bit numbers: VMess's mask for chunk sizes.
package struct SHAKE128: Sendable {
    /// Bytes of each block.
    private static let rate = 168

    private var state: [UInt64]
    private var position = 0

    /// - Parameter input: at most 166 bytes are absorbed; VMess has 16.
    package init(_ input: some Collection<UInt8>) {
        state = Array(repeating: 0, count: 25)
        var length = 0
        for byte in input.prefix(Self.rate - 2) {
            state[length / 8] ^= UInt64(byte) << UInt64(length % 8 * 8)
            length += 1
        }
        state[length / 8] ^= 0x1f << UInt64(length % 8 * 8)
        state[Self.rate / 8 - 1] ^= 0x80 << 56
        Self.permute(&state)
    }

    /// The next two bytes, big-endian.
    package mutating func next() -> UInt16 {
        UInt16(nextByte()) << 8 | UInt16(nextByte())
    }

    private mutating func nextByte() -> UInt8 {
        if position == Self.rate {
            Self.permute(&state)
            position = 0
        }
        defer { position += 1 }
        return UInt8(truncatingIfNeeded: state[position / 8] >> UInt64(position % 8 * 8))
    }

    /// Keccak-f[1600].
    private static func permute(_ a: inout [UInt64]) {
        var lanes = a
        for constant in roundConstants {
            var c = [UInt64](repeating: 0, count: 5)
            for x in 0..<5 { c[x] = lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] }
            for x in 0..<5 {
                let d = c[(x + 4) % 5] ^ rotated(c[(x + 1) % 5], 1)
                for y in 0..<5 { lanes[x + 5 * y] ^= d }
            }
            var b = lanes
            for x in 0..<5 {
                for y in 0..<5 { b[y + 5 * ((2 * x + 3 * y) % 5)] = rotated(lanes[x + 5 * y], rotations[x + 5 * y]) }
            }
            for y in 0..<5 {
                for x in 0..<5 {
                    lanes[x + 5 * y] = b[x + 5 * y] ^ (~b[(x + 1) % 5 + 5 * y] & b[(x + 2) % 5 + 5 * y])
                }
            }
            lanes[0] ^= constant
        }
        a = lanes
    }

    private static func rotated(_ lane: UInt64, _ bits: UInt64) -> UInt64 {
        bits == 0 ? lane : lane << bits | lane >> (64 - bits)
    }

    /// For lane x + 5y.
    private static let rotations: [UInt64] = [
        0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14,
    ]

    private static let roundConstants: [UInt64] = [
        0x0000_0000_0000_0001, 0x0000_0000_0000_8082, 0x8000_0000_0000_808a, 0x8000_0000_8000_8000,
        0x0000_0000_0000_808b, 0x0000_0000_8000_0001, 0x8000_0000_8000_8081, 0x8000_0000_0000_8009,
        0x0000_0000_0000_008a, 0x0000_0000_0000_0088, 0x0000_0000_8000_8009, 0x0000_0000_8000_000a,
        0x0000_0000_8000_808b, 0x8000_0000_0000_008b, 0x8000_0000_0000_8089, 0x8000_0000_0000_8003,
        0x8000_0000_0000_8002, 0x8000_0000_0000_0080, 0x0000_0000_0000_800a, 0x8000_0000_8000_000a,
        0x8000_0000_8000_8081, 0x8000_0000_0000_8080, 0x0000_0000_8000_0001, 0x8000_0000_8000_8008,
    ]
}
