// SPDX-License-Identifier: Apache-2.0
import Crypto

/// The 16-byte identity of a VLESS or VMess user.
package struct UserID: Sendable, Hashable {
    /// Bytes 0 to 7 in text order, as a big-endian number.
    package var high: UInt64
    /// Bytes 8 to 15.
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// An id from its 16 bytes; nil for any other length.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        self.init(sixteen: bytes)
    }

    /// An id as people write it: 32 to 36 bytes are hexadecimal digits with an optional dash before each group of a UUID,
    /// what follows the last digit is ignored; any other text of 1 to 30 bytes names the id that is derived from it
    /// (RFC 9562 version 5 in the nil namespace). Nil for all other text.
    package init?(_ text: some StringProtocol) {
        let text = Array(text.utf8)
        switch text.count {
        case 1...30:
            let digest = Insecure.SHA1.hash(data: Array(repeating: 0, count: 16) + text)
            self.init(sixteen: digest.prefix(16))
            high = high & ~0xf000 | 0x5000
            low = low & ~(0b11 << 62) | 0b10 << 62
        case 32...36:
            guard let value = Self.hexadecimal(text[...]) else { return nil }
            self = value
        default:
            return nil
        }
    }

    /// The 16 bytes in text order.
    package var bytes: [UInt8] {
        [high, low].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * UInt64($0))) } }
    }

    private init(sixteen bytes: some Sequence<UInt8>) {
        var halves = (high: UInt64(0), low: UInt64(0))
        for byte in bytes {
            halves.high = halves.high << 8 | halves.low >> 56
            halves.low = halves.low << 8 | UInt64(byte)
        }
        self.init(high: halves.high, low: halves.low)
    }

    private static func hexadecimal(_ text: ArraySlice<UInt8>) -> UserID? {
        var rest = text
        var bytes: [UInt8] = []
        for digits in [8, 4, 4, 4, 12] {
            if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
            guard rest.count >= digits else { return nil }
            for _ in 0..<digits / 2 {
                guard let high = rest.popFirst().flatMap(nibble), let low = rest.popFirst().flatMap(nibble) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            }
        }
        return UserID(bytes: bytes)
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}

extension UserID: CustomStringConvertible {
    /// The canonical lower-case text, `feb54431-301b-52bb-a6dd-e1e93e81bb9e`.
    package var description: String {
        let digits = bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }
        return [digits[0..<4], digits[4..<6], digits[6..<8], digits[8..<10], digits[10..<16]]
            .map { $0.joined() }.joined(separator: "-")
    }
}
