// SPDX-License-Identifier: Apache-2.0

/// Reads one JSON value from bytes. (RFC 8259)
package struct JSONParser {
    private let bytes: [UInt8]
    private let rules: JSONRules
    private var index = 0
    /// Where the text behind the value begins that the rules let pass; nil when there is none.
    package private(set) var ignored: Int?

    package init(_ bytes: [UInt8], rules: JSONRules) {
        self.bytes = bytes
        self.rules = rules
    }

    package mutating func parse() throws(JSONSyntaxError) -> JSONNode {
        if rules.allowsByteOrderMark, bytes.starts(with: [0xef, 0xbb, 0xbf]) { index = 3 }
        try skipBlanks()
        guard index < bytes.count else { throw failure("the text is empty") }
        let node = try value(depth: 0)
        guard !rules.ignoresTextBehind else {
            var rest = self
            try? rest.skipBlanks()
            if rest.index < bytes.count { ignored = rest.index }
            return node
        }
        try skipBlanks()
        guard index == bytes.count else { throw unexpected("behind the value") }
        return node
    }

    private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func value(depth: Int) throws(JSONSyntaxError) -> JSONNode {
        let start = index
        switch next {
        case UInt8(ascii: "{"):
            return JSONNode(.object(try members(depth: depth + 1)), offset: start)
        case UInt8(ascii: "["):
            return JSONNode(.array(try elements(depth: depth + 1)), offset: start)
        case UInt8(ascii: "\""):
            return JSONNode(.string(try string()), offset: start)
        case .some(let byte) where byte == UInt8(ascii: "-") || isDigit(byte):
            return JSONNode(.number(try number()), offset: start)
        case UInt8(ascii: "t"):
            try word("true")
            return JSONNode(.bool(true), offset: start)
        case UInt8(ascii: "f"):
            try word("false")
            return JSONNode(.bool(false), offset: start)
        case UInt8(ascii: "n"):
            try word("null")
            return JSONNode(.null, offset: start)
        default:
            throw unexpected("where a value should begin")
        }
    }

    private mutating func members(depth: Int) throws(JSONSyntaxError) -> [JSONNode.Member] {
        try enter(depth)
        var members: [JSONNode.Member] = []
        guard next != UInt8(ascii: "}") else {
            index += 1
            return members
        }
        while true {
            guard next == UInt8(ascii: "\"") else { throw unexpected("where a key in quotation marks should begin") }
            let name = try string()
            try skipBlanks()
            guard next == UInt8(ascii: ":") else { throw unexpected("after a key, where a colon should stand") }
            index += 1
            try skipBlanks()
            members.append(JSONNode.Member(name: name, node: try value(depth: depth)))
            try skipBlanks()
            switch next {
            case UInt8(ascii: ","):
                index += 1
                try skipBlanks()
            case UInt8(ascii: "}"):
                index += 1
                return members
            default:
                throw unexpected("after a member of an object, where a comma or } should stand")
            }
        }
    }

    private mutating func elements(depth: Int) throws(JSONSyntaxError) -> [JSONNode] {
        try enter(depth)
        var elements: [JSONNode] = []
        guard next != UInt8(ascii: "]") else {
            index += 1
            return elements
        }
        while true {
            elements.append(try value(depth: depth))
            try skipBlanks()
            switch next {
            case UInt8(ascii: ","):
                index += 1
                try skipBlanks()
            case UInt8(ascii: "]"):
                index += 1
                return elements
            default:
                throw unexpected("after an element of a list, where a comma or ] should stand")
            }
        }
    }

    private mutating func enter(_ depth: Int) throws(JSONSyntaxError) {
        guard depth <= rules.maximumDepth else {
            var failure = failure("nested deeper than \(rules.maximumDepth) levels")
            failure.isTooDeep = true
            throw failure
        }
        index += 1
        try skipBlanks()
    }

    private mutating func word(_ word: StaticString) throws(JSONSyntaxError) {
        for byte in word.description.utf8 {
            guard next == byte else { throw unexpected("in the word \(word)") }
            index += 1
        }
    }

    private mutating func number() throws(JSONSyntaxError) -> JSONNumber {
        let start = index
        if next == UInt8(ascii: "-") { index += 1 }
        if next == UInt8(ascii: "0") { index += 1 } else { try digits() }
        if next == UInt8(ascii: ".") {
            index += 1
            try digits()
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            index += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { index += 1 }
            try digits()
        }
        return JSONNumber(text: String(decoding: bytes[start..<index], as: UTF8.self))
    }

    private mutating func digits() throws(JSONSyntaxError) {
        guard let first = next, isDigit(first) else { throw unexpected("in a number, where a digit should stand") }
        while let byte = next, isDigit(byte) { index += 1 }
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
}

extension JSONParser {
    private mutating func skipBlanks() throws(JSONSyntaxError) {
        while let byte = next {
            switch byte {
            case 0x20, 0x09, 0x0a, 0x0d:
                index += 1
            case UInt8(ascii: "#") where rules.allowsComments:
                skipLine()
            case UInt8(ascii: "/") where rules.allowsComments:
                try skipComment()
            default:
                return
            }
        }
    }

    private mutating func skipLine() {
        while let byte = next, byte != 0x0a { index += 1 }
    }

    private mutating func skipComment() throws(JSONSyntaxError) {
        let start = index
        index += 1
        switch next {
        case UInt8(ascii: "/"):
            skipLine()
        case UInt8(ascii: "*"):
            index += 1
            while index + 1 < bytes.count {
                if bytes[index] == UInt8(ascii: "*"), bytes[index + 1] == UInt8(ascii: "/") {
                    index += 2
                    return
                }
                index += 1
            }
            index = start
            throw failure("a comment /* that does not end")
        default:
            index = start
            throw unexpected("where no comment begins")
        }
    }

    /// The text of the string whose quotation mark stands at the index.
    private mutating func string() throws(JSONSyntaxError) -> String {
        let start = index
        index += 1
        var text: [UInt8] = []
        var run = index
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                text += bytes[run..<index]
                index += 1
                if rules.replacesMalformedText { return String(decoding: text, as: UTF8.self) }
                guard let valid = String(validating: text, as: UTF8.self) else {
                    index = start
                    throw failure("a text that is not UTF-8")
                }
                return valid
            case UInt8(ascii: "\\"):
                text += bytes[run..<index]
                index += 1
                text += try Array(String(escape()).utf8)
                run = index
            case ..<0x20:
                throw unexpected("inside a text")
            default:
                index += 1
            }
        }
        index = start
        throw failure("a text in quotation marks that does not end")
    }

    private mutating func escape() throws(JSONSyntaxError) -> Unicode.Scalar {
        let byte = next
        let plain: Unicode.Scalar
        switch byte {
        case UInt8(ascii: "\""): plain = "\""
        case UInt8(ascii: "\\"): plain = "\\"
        case UInt8(ascii: "/"): plain = "/"
        case UInt8(ascii: "b"): plain = "\u{8}"
        case UInt8(ascii: "f"): plain = "\u{c}"
        case UInt8(ascii: "n"): plain = "\n"
        case UInt8(ascii: "r"): plain = "\r"
        case UInt8(ascii: "t"): plain = "\t"
        case UInt8(ascii: "u"):
            index += 1
            return try unicodeEscape()
        default: throw unexpected("after a backslash")
        }
        index += 1
        return plain
    }

    /// A `\u` escape whose digits begin at the index; two of them where they are a surrogate pair.
    private mutating func unicodeEscape() throws(JSONSyntaxError) -> Unicode.Scalar {
        let unit = try hexadecimalUnit()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        let before = index
        if unit < 0xdc00, index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"),
            bytes[index + 1] == UInt8(ascii: "u")
        {
            index += 2
            let second = try hexadecimalUnit()
            if second & 0xfc00 == 0xdc00,
                let scalar = Unicode.Scalar(0x10000 + UInt32(unit & 0x3ff) << 10 + UInt32(second & 0x3ff))
            {
                return scalar
            }
            index = before
        }
        guard rules.replacesMalformedText else { throw failure("half of a surrogate pair") }
        return "\u{fffd}"
    }

    private mutating func hexadecimalUnit() throws(JSONSyntaxError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            switch next {
            case .some(let byte) where isDigit(byte): unit = unit << 4 | UInt16(byte - 0x30)
            case .some(let byte) where (0x41...0x46).contains(byte): unit = unit << 4 | UInt16(byte - 0x41 + 10)
            case .some(let byte) where (0x61...0x66).contains(byte): unit = unit << 4 | UInt16(byte - 0x61 + 10)
            default: throw unexpected("in a \\u escape, where a hexadecimal digit should stand")
            }
            index += 1
        }
        return unit
    }

    private func failure(_ message: String) -> JSONSyntaxError {
        JSONSyntaxError(message: message, offset: index)
    }

    private func unexpected(_ context: String) -> JSONSyntaxError {
        guard let byte = next else { return failure("unexpected end of the text") }
        let found: String
        if byte >= 0x20, byte < 0x7f {
            found = "'\(Character(Unicode.Scalar(byte)))'"
        } else if byte < 0x80 {
            found = "control character 0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        } else {
            let rest = String(decoding: bytes[index..<min(index + 4, bytes.count)], as: UTF8.self)
            found = "'\(rest.unicodeScalars.first.map { String(Character($0)) } ?? "")'"
        }
        return failure("unexpected \(found) \(context)")
    }
}
