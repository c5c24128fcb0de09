// SPDX-License-Identifier: Apache-2.0
import LuaRuntime

/// Reads one JSON document (RFC 8259).
struct LuaJSONParser {
    private let bytes: [UInt8]
    private var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(LuaError) -> LuaValue {
        let value = try value(depth: 0)
        skipBlanks()
        guard position == bytes.count else { throw fault("something follows the value") }
        return value
    }

    private mutating func value(depth: Int) throws(LuaError) -> LuaValue {
        skipBlanks()
        guard let byte = peek() else { throw fault("cut off") }
        switch byte {
        case UInt8(ascii: "{"): return .table(try object(depth: depth + 1))
        case UInt8(ascii: "["): return .table(try array(depth: depth + 1))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .nil)
        default: return try number()
        }
    }

    private mutating func object(depth: Int) throws(LuaError) -> LuaTable {
        guard depth <= LuaJSON.depth else { throw fault("nested deeper than \(LuaJSON.depth)") }
        position += 1
        var table = LuaTable()
        skipBlanks()
        if take(UInt8(ascii: "}")) { return table }
        while true {
            skipBlanks()
            guard peek() == UInt8(ascii: "\"") else { throw fault("a name is expected") }
            let name = try string()
            skipBlanks()
            guard take(UInt8(ascii: ":")) else { throw fault("':' is expected") }
            table[name] = try value(depth: depth)
            skipBlanks()
            if take(UInt8(ascii: "}")) { return table }
            guard take(UInt8(ascii: ",")) else { throw fault("',' or '}' is expected") }
        }
    }

    private mutating func array(depth: Int) throws(LuaError) -> LuaTable {
        guard depth <= LuaJSON.depth else { throw fault("nested deeper than \(LuaJSON.depth)") }
        position += 1
        var table = LuaTable()
        skipBlanks()
        if take(UInt8(ascii: "]")) { return table }
        while true {
            table.array.append(try value(depth: depth))
            skipBlanks()
            if take(UInt8(ascii: "]")) { return table }
            guard take(UInt8(ascii: ",")) else { throw fault("',' or ']' is expected") }
        }
    }

    private mutating func string() throws(LuaError) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = peek() {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let valid = String(validating: text, as: UTF8.self) else { throw fault("not UTF-8") }
                return valid
            case UInt8(ascii: "\\"): text += try escape()
            case 0..<0x20: throw fault("a control character stands in a string")
            default: text.append(byte)
            }
        }
        throw fault("cut off")
    }

    private mutating func escape() throws(LuaError) -> [UInt8] {
        guard let byte = peek() else { throw fault("cut off") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [8]
        case UInt8(ascii: "f"): return [12]
        case UInt8(ascii: "n"): return [10]
        case UInt8(ascii: "r"): return [13]
        case UInt8(ascii: "t"): return [9]
        case UInt8(ascii: "u"): break
        default: throw fault("unknown escape")
        }
        var code = try hexadecimal()
        if (0xd800..<0xdc00).contains(code) {
            guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw fault("half a surrogate pair") }
            let low = try hexadecimal()
            guard (0xdc00..<0xe000).contains(low) else { throw fault("half a surrogate pair") }
            code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw fault("half a surrogate pair") }
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func hexadecimal() throws(LuaError) -> UInt32 {
        guard bytes.count - position >= 4,
            bytes[position..<(position + 4)].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let value = UInt32(String(decoding: bytes[position..<(position + 4)], as: UTF8.self), radix: 16)
        else { throw fault("four hexadecimal digits are expected") }
        position += 4
        return value
    }

    private mutating func number() throws(LuaError) -> LuaValue {
        let start = position
        _ = take(UInt8(ascii: "-"))
        let whole = digits()
        guard whole > 0, whole == 1 || bytes[position - whole] != 0x30 else { throw fault("a value is expected") }
        var isInteger = true
        if take(UInt8(ascii: ".")) {
            isInteger = false
            guard digits() > 0 else { throw fault("a digit is expected") }
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            isInteger = false
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            guard digits() > 0 else { throw fault("a digit is expected") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let integer = Int64(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else { throw fault("the number is too large") }
        return .number(number)
    }

    private mutating func digits() -> Int {
        let start = position
        while let byte = peek(), (0x30...0x39).contains(byte) { position += 1 }
        return position - start
    }

    private mutating func word(_ word: String, _ value: LuaValue) throws(LuaError) -> LuaValue {
        guard bytes[position...].starts(with: word.utf8) else { throw fault("a value is expected") }
        position += word.utf8.count
        return value
    }

    private mutating func skipBlanks() {
        while let byte = peek(), byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

    private func fault(_ message: String) -> LuaError { LuaError("json: \(message) at byte \(position + 1)") }
}
