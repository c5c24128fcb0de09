// SPDX-License-Identifier: Apache-2.0

/// Reads one JSON text. (RFC 8259)
struct JSONParser {
    private let bytes: [UInt8]
    private var position = 0

    private init(_ text: String) { bytes = Array(text.utf8) }

    /// - Throws: `ProtoError` naming the line and column, both from 1.
    static func parse(_ text: String) throws(ProtoError) -> JSONValue {
        var parser = JSONParser(text)
        let value = try parser.value(depth: 1)
        parser.skipSpace()
        guard parser.position == parser.bytes.count else { throw parser.fail("more text after the value") }
        return value
    }

    private mutating func value(depth: Int) throws(ProtoError) -> JSONValue {
        guard depth <= ProtoLimits.depth else { throw ProtoError(.tooDeep, "JSON is nested too deep") }
        skipSpace()
        guard let first = peek else { throw fail("the text ends too early") }
        switch first {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return .number(try number())
        }
    }

    private mutating func object(depth: Int) throws(ProtoError) -> [JSONValue.Member] {
        position += 1
        var members: [JSONValue.Member] = []
        skipSpace()
        if take("}") { return members }
        while true {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw fail("expected a key in quotes") }
            let key = try string()
            skipSpace()
            guard take(":") else { throw fail("expected ':'") }
            members.append(JSONValue.Member(key: key, value: try value(depth: depth + 1)))
            skipSpace()
            if take("}") { return members }
            guard take(",") else { throw fail("expected ',' or '}'") }
        }
    }

    private mutating func array(depth: Int) throws(ProtoError) -> [JSONValue] {
        position += 1
        var elements: [JSONValue] = []
        skipSpace()
        if take("]") { return elements }
        while true {
            elements.append(try value(depth: depth + 1))
            skipSpace()
            if take("]") { return elements }
            guard take(",") else { throw fail("expected ',' or ']'") }
        }
    }

    private mutating func word(_ word: String, _ value: JSONValue) throws(ProtoError) -> JSONValue {
        for byte in word.utf8 {
            guard peek == byte else { throw fail("expected \(word)") }
            position += 1
        }
        return value
    }

    private mutating func number() throws(ProtoError) -> String {
        let start = position
        _ = take("-")
        let first = peek
        let count = digits()
        guard count > 0 else { throw fail("expected a value") }
        if first == UInt8(ascii: "0"), count > 1 { throw fail("a number begins with 0") }
        if take("."), digits() == 0 { throw fail("expected a digit after '.'") }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            if digits() == 0 { throw fail("expected a digit in the exponent") }
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func digits() -> Int {
        let start = position
        while let byte = peek, byte >= 0x30, byte <= 0x39 { position += 1 }
        return position - start
    }

    private mutating func string() throws(ProtoError) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): text.append(contentsOf: String(Character(try escape())).utf8)
            case 0..<0x20: throw fail("a control character in a string")
            default: text.append(byte)
            }
        }
        throw fail("a string without end")
    }

    private mutating func escape() throws(ProtoError) -> Unicode.Scalar {
        guard let byte = peek else { throw fail("a string without end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            var code = try hexadecimal()
            if code >= 0xd800, code < 0xdc00, take("\\"), take("u") {
                let low = try hexadecimal()
                guard low >= 0xdc00, low < 0xe000 else { throw fail("half of a surrogate pair") }
                code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw fail("half of a surrogate pair") }
            return scalar
        default: throw fail("an unknown escape")
        }
    }

    private mutating func hexadecimal() throws(ProtoError) -> UInt32 {
        guard bytes.count - position >= 4 else { throw fail("expected four hexadecimal digits") }
        let digits = bytes[position..<(position + 4)]
        guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw fail("expected four hexadecimal digits") }
        position += 4
        return code
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    private func fail(_ what: String) -> ProtoError {
        let before = bytes[..<min(position, bytes.count)]
        let line = before.count { $0 == 0x0a } + 1
        let column = position - (before.lastIndex(of: 0x0a) ?? -1)
        return ProtoError(.badJSON, "line \(line) column \(column): \(what)")
    }
}
