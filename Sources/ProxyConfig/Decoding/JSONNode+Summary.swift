// SPDX-License-Identifier: Apache-2.0
import JSONText

extension JSONNode {
    /// What the value is, as an error message names it: `the number 3`, `a list`.
    package var summary: String {
        switch value {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let number): "the number \(number.text.prefix(40))"
        case .string(let text): "the text \(text.quoted)"
        case .array: "a list"
        case .object: "an object"
        }
    }
}

extension String {
    /// The text in quotation marks on one line, shortened where it is long.
    var quoted: String {
        let short = count > 80 ? prefix(77) + "..." : self[...]
        let escaped = short.unicodeScalars.reduce(into: "") { text, scalar in
            switch scalar {
            case "\"", "\\": text += "\\" + String(scalar)
            case "\n": text += "\\n"
            case let other where other.value < 0x20 || other.value == 0x7f:
                text += "\\u{" + String(other.value, radix: 16) + "}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return "\"" + escaped + "\""
    }
}
