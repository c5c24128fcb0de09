// SPDX-License-Identifier: Apache-2.0

/// Standard base64 (RFC 4648, section 4) as `-bin` metadata uses it: written without padding, read with or without.
enum Base64 {
    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 4 + 2) / 3)
        var bits: UInt32 = 0
        var count = 0
        for byte in bytes {
            bits = (bits << 8 | UInt32(byte)) & 0xffff
            count += 8
            while count >= 6 {
                count -= 6
                text.append(letter((bits >> UInt32(count)) & 0x3f))
            }
        }
        if count > 0 {
            text.append(letter((bits << UInt32(6 - count)) & 0x3f))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil when a character is none of the alphabet's, padding is misplaced, or the length is impossible.
    static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        var letters = 0
        var padding = 0
        for character in text {
            if character == 0x3d {
                padding += 1
                continue
            }
            guard padding == 0, let value = value(of: character) else { return nil }
            letters = (letters + 1) & 3
            bits = (bits << 6 | value) & 0xffff
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        guard letters != 1, padding == 0 || letters > 0 && letters + padding == 4 else { return nil }
        return bytes
    }

    private static func letter(_ value: UInt32) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: value)
        switch value {
        case 0..<26: return 0x41 + value
        case 26..<52: return 0x61 + value - 26
        case 52..<62: return 0x30 + value - 52
        case 62: return 0x2b
        default: return 0x2f
        }
    }

    private static func value(of character: UInt8) -> UInt32? {
        switch character {
        case 0x41...0x5a: UInt32(character - 0x41)
        case 0x61...0x7a: UInt32(character - 0x61) + 26
        case 0x30...0x39: UInt32(character - 0x30) + 52
        case 0x2b: 62
        case 0x2f: 63
        default: nil
        }
    }
}
