// SPDX-License-Identifier: Apache-2.0

/// Names as the Go code generator for protocol buffers makes them; the command line's JSON shows them for oneofs.
package enum GoName {
    /// `typed_value` is `TypedValue`, `u64` is `U64`, `_x` is `XX`: an underscore before a lower-case letter goes and
    /// the letter becomes a capital, as does a lower-case letter at the start or after a digit.
    package static func camelCase(_ name: String) -> String {
        let letters = Array(name.utf8)
        let underscore = UInt8(ascii: "_")
        var result: [UInt8] = []
        var startsWord = true
        for (index, letter) in letters.enumerated() {
            let isLower = isLowerCase(letter)
            if letter == underscore {
                if index == 0 {
                    result.append(UInt8(ascii: "X"))
                } else if index + 1 >= letters.count || !isLowerCase(letters[index + 1]) {
                    result.append(letter)
                }
                startsWord = true
            } else {
                result.append(isLower && startsWord ? letter - 0x20 : letter)
                startsWord = !isLower && !isUpperCase(letter)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func isLowerCase(_ byte: UInt8) -> Bool { byte >= 0x61 && byte <= 0x7a }
    private static func isUpperCase(_ byte: UInt8) -> Bool { byte >= 0x41 && byte <= 0x5a }
}
