// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import ProxyModel

extension UserID {
    /// Reads an id, or tells what is wrong with it in the words of Xray: `SCOPE: failed to parse ID > …`.
    static func parse(_ text: String, scope: String) throws(ControlError) -> UserID {
        if let id = UserID(text) { return id }
        throw ControlError("\(scope): failed to parse ID > \(reason(text))")
    }

    /// A text of 32 to 36 bytes fails at its first byte that is no hexadecimal digit, dashes before a group left out.
    private static func reason(_ text: String) -> String {
        let invalid = "common/uuid: invalid UUID: \(text)"
        guard (32...36).contains(text.utf8.count) else { return invalid }
        var rest = Array(text.utf8)[...]
        for digits in [8, 4, 4, 4, 12] {
            if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
            if let bad = rest.prefix(digits).first(where: { !isHexadecimal($0) }) {
                return "encoding/hex: invalid byte: \(codePoint(bad))"
            }
            guard rest.count >= digits else { return invalid }
            rest = rest.dropFirst(digits)
        }
        return invalid
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
        default: false
        }
    }

    /// A byte as Go's `%#U` prints the code point of that number: `U+007A 'z'`, without the character where it is none
    /// that can be seen.
    private static func codePoint(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        let number = "U+" + String(repeating: "0", count: 4 - digits.count) + digits
        switch byte {
        case 0x20...0x7e, 0xa1...0xac, 0xae...0xff: return "\(number) '\(Character(Unicode.Scalar(byte)))'"
        default: return number
        }
    }
}
