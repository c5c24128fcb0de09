// SPDX-License-Identifier: Apache-2.0

/// Writes JSON. (RFC 8259)
package struct JSONWriter {
    package private(set) var bytes: [UInt8] = []
    private let indent: Int?
    private var level = 0
    /// Something stands before the next element of the list or object that is open.
    private var isFirst = true

    /// - Parameter indent: Spaces for each level; nil puts all on one line, without spaces.
    package init(indent: Int? = nil) { self.indent = indent }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// A word or a number, as it is.
    package mutating func literal(_ text: String) { bytes += text.utf8 }

    package mutating func array<Failure: Error>(
        _ elements: (inout JSONWriter) throws(Failure) -> Void
    ) throws(Failure) {
        try list("[", "]", elements)
    }

    package mutating func object<Failure: Error>(
        _ members: (inout JSONWriter) throws(Failure) -> Void
    ) throws(Failure) {
        try list("{", "}", members)
    }

    /// Comes before each element of a list.
    package mutating func element() {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        isFirst = false
        newLine()
    }

    /// Comes before each value of an object.
    package mutating func member(_ name: String) {
        element()
        string(name)
        bytes.append(UInt8(ascii: ":"))
        if indent != nil { bytes.append(0x20) }
    }

    /// Escapes what JSON demands, and the two line separators that JavaScript does not take in a string.
    package mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": bytes += "\\\"".utf8
            case "\\": bytes += "\\\\".utf8
            case "\u{8}": bytes += "\\b".utf8
            case "\u{c}": bytes += "\\f".utf8
            case "\n": bytes += "\\n".utf8
            case "\r": bytes += "\\r".utf8
            case "\t": bytes += "\\t".utf8
            case "\u{0}"..."\u{1f}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                bytes += "\\u".utf8
                bytes += repeatElement(0x30, count: 4 - digits.count)
                bytes += digits.utf8
            default: bytes += UTF8.encode(scalar).unsafelyUnwrapped
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func list<Failure: Error>(
        _ opening: Unicode.Scalar, _ closing: Unicode.Scalar, _ content: (inout JSONWriter) throws(Failure) -> Void
    ) throws(Failure) {
        bytes.append(UInt8(ascii: opening))
        level += 1
        isFirst = true
        try content(&self)
        let isEmpty = isFirst
        level -= 1
        if !isEmpty { newLine() }
        bytes.append(UInt8(ascii: closing))
        isFirst = false
    }

    private mutating func newLine() {
        guard let indent else { return }
        bytes.append(0x0a)
        bytes += repeatElement(0x20, count: indent * level)
    }
}

extension JSONNode {
    /// - Parameter indent: Spaces for each level; nil puts all on one line, without spaces.
    package func text(indent: Int? = nil) -> String {
        var writer = JSONWriter(indent: indent)
        write(to: &writer)
        return writer.text
    }

    private func write(to writer: inout JSONWriter) {
        switch value {
        case .null: writer.literal("null")
        case .bool(let value): writer.literal(value ? "true" : "false")
        case .number(let number): writer.literal(number.text)
        case .string(let text): writer.string(text)
        case .array(let elements):
            writer.array { writer in
                for element in elements {
                    writer.element()
                    element.write(to: &writer)
                }
            }
        case .object(let members):
            writer.object { writer in
                for member in members {
                    writer.member(member.name)
                    member.node.write(to: &writer)
                }
            }
        }
    }
}
