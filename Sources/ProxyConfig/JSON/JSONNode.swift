// SPDX-License-Identifier: Apache-2.0

/// A JSON value and the place in its document where it begins.
package struct JSONNode: Sendable, Equatable {
    package var value: Value
    /// The byte offset of the value's first byte; nil when the value came from no document.
    package var offset: Int?

    package init(_ value: Value, offset: Int? = nil) {
        self.value = value
        self.offset = offset
    }

    package enum Value: Sendable, Equatable {
        case null
        case bool(Bool)
        case number(JSONNumber)
        case string(String)
        case array([JSONNode])
        /// The members in document order, duplicates included: the last one of a name counts.
        case object([Member])
    }

    package struct Member: Sendable, Equatable {
        package var name: String
        package var node: JSONNode

        package init(name: String, node: JSONNode) {
            self.name = name
            self.node = node
        }
    }

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

/// A number as it was written, so that no digit is lost.
package struct JSONNumber: Sendable, Equatable {
    /// The literal, in JSON's grammar.
    package let text: String

    package init(text: String) {
        self.text = text
    }

    /// The value as an integer of that type; nil when it has a fraction or an exponent, or does not fit.
    package func integer<Integer: FixedWidthInteger>(as type: Integer.Type = Integer.self) -> Integer? {
        Integer(text)
    }

    /// The nearest double; nil when it would be infinite.
    package var double: Double? {
        Double(text).flatMap { $0.isFinite ? $0 : nil }
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
