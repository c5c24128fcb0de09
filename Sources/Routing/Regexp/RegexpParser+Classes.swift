// SPDX-License-Identifier: Apache-2.0

extension RegexpParser {
    /// `[…]`; the position is at the bracket.
    mutating func characterClass() throws(RegexpError) -> ScalarSet {
        let start = position
        position += 1
        var isNegated = false
        if peek() == "^" {
            isNegated = true
            position += 1
        }
        var set = ScalarSet()
        var isFirst = true
        while isFirst || peek() != "]" {
            isFirst = false
            if let named = try posixClass() {
                set = set.union(named)
            } else if peek() == "\\", let escaped = try classEscape() {
                set = set.union(escaped)
            } else {
                let rangeStart = position
                let lower = try classScalar(classStart: start)
                var upper = lower
                if peek() == "-", let next = peek(1), next != "]" {
                    position += 1
                    upper = try classScalar(classStart: start)
                }
                guard lower <= upper else { throw error(.invalidCharacterRange, rangeStart, position) }
                set = set.union(ScalarSet([lower...upper]))
            }
        }
        position += 1
        if foldsCase { set = set.caseFolded }
        return isNegated ? set.inverted : set
    }

    private mutating func classScalar(classStart: Int) throws(RegexpError) -> UInt32 {
        guard position < scalars.count else { throw error(.missingBracket, classStart, scalars.count) }
        if peek() == "\\" { return try escapedScalar() }
        position += 1
        return scalars[position - 1]
    }

    /// `[:alpha:]` or `[:^alpha:]`; nil where no such thing begins.
    private mutating func posixClass() throws(RegexpError) -> ScalarSet? {
        guard peek() == "[", peek(1) == ":" else { return nil }
        var end = position + 2
        while end + 1 < scalars.count, scalars[end] != 0x3a || scalars[end + 1] != 0x5d { end += 1 }
        guard end + 1 < scalars.count else { return nil }
        var name = text(position + 2, end)
        let isNegated = name.hasPrefix("^")
        if isNegated { name.removeFirst() }
        guard let set = Self.posixClasses[name] else { throw error(.invalidCharacterRange, position, end + 2) }
        position = end + 2
        return isNegated ? set.inverted : set
    }

    private static let posixClasses: [String: ScalarSet] = [
        "alnum": ScalarSet([0x30...0x39, 0x41...0x5a, 0x61...0x7a]),
        "alpha": ScalarSet([0x41...0x5a, 0x61...0x7a]),
        "ascii": ScalarSet([0...0x7f]),
        "blank": ScalarSet([0x09...0x09, 0x20...0x20]),
        "cntrl": ScalarSet([0...0x1f, 0x7f...0x7f]),
        "digit": .digits,
        "graph": ScalarSet([0x21...0x7e]),
        "lower": ScalarSet([0x61...0x7a]),
        "print": ScalarSet([0x20...0x7e]),
        "punct": ScalarSet([0x21...0x2f, 0x3a...0x40, 0x5b...0x60, 0x7b...0x7e]),
        "space": ScalarSet([0x09...0x0d, 0x20...0x20]),
        "upper": ScalarSet([0x41...0x5a]),
        "word": .words,
        "xdigit": ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66]),
    ]

    /// `\d`, `\s`, `\w`, `\pL`, `\p{Lu}` and their opposites; nil, with the position kept, for other escapes.
    mutating func classEscape() throws(RegexpError) -> ScalarSet? {
        guard let letter = peek(1) else { return nil }
        let set: ScalarSet
        switch letter {
        case "d", "D": set = .digits
        case "s", "S": set = .spaces
        case "w", "W": set = .words
        case "p", "P": return try categoryEscape(isNegated: letter == "P")
        default: return nil
        }
        position += 2
        let folded = foldsCase ? set.caseFolded : set
        return letter.properties.isUppercase ? folded.inverted : folded
    }

    private mutating func categoryEscape(isNegated: Bool) throws(RegexpError) -> ScalarSet {
        let start = position
        position += 2
        var name = ""
        if peek() == "{" {
            guard let end = scalars[position...].firstIndex(of: 0x7d) else {
                throw error(.invalidCharacterRange, start, scalars.count)
            }
            name = text(position + 1, end)
            position = end + 1
        } else {
            guard position < scalars.count else { throw error(.invalidCharacterRange, start, position) }
            name = text(position, position + 1)
            position += 1
        }
        var isNegated = isNegated
        if name.hasPrefix("^") {
            isNegated.toggle()
            name.removeFirst()
        }
        guard var set = ScalarSet.category(name) else { throw error(.invalidCharacterRange, start, position) }
        if foldsCase { set = set.caseFolded }
        return isNegated ? set.inverted : set
    }

    /// The scalar that an escape names: `\.`, `\n`, `\x2e`, `\x{10ffff}`, `\056`.
    mutating func escapedScalar() throws(RegexpError) -> UInt32 {
        let start = position
        position += 1
        guard let letter = peek() else { throw error(.trailingBackslash, 0, 0) }
        position += 1
        switch letter {
        case "a": return 0x07
        case "f": return 0x0c
        case "n": return 0x0a
        case "r": return 0x0d
        case "t": return 0x09
        case "v": return 0x0b
        case "x":
            if let value = hexadecimal() { return value }
        case "0"..."7":
            if letter == "0" || digit(8) != nil {
                var value = letter.value - 0x30
                for _ in 0..<2 {
                    guard let digit = digit(8) else { break }
                    value = value * 8 + digit
                    position += 1
                }
                return value
            }
        default:
            if letter.isASCII, !letter.properties.isAlphabetic, !ScalarSet.digits.contains(letter.value) {
                return letter.value
            }
        }
        throw error(.invalidEscape, start, position)
    }

    private mutating func hexadecimal() -> UInt32? {
        var value: UInt32 = 0
        if peek() == "{" {
            position += 1
            let start = position
            while let digit = digit(16) {
                position += 1
                value = value * 16 + digit
                guard value <= ScalarSet.last else { return nil }
            }
            guard position > start else {
                position += position < scalars.count ? 1 : 0
                return nil
            }
            position += position < scalars.count ? 1 : 0
            return scalars[position - 1] == 0x7d && Unicode.Scalar(value) != nil ? value : nil
        }
        for _ in 0..<2 {
            guard let digit = digit(16) else {
                position += position < scalars.count ? 1 : 0
                return nil
            }
            value = value * 16 + digit
            position += 1
        }
        return value
    }

    private func digit(_ radix: UInt32) -> UInt32? {
        guard let scalar = peek(), scalar.isASCII, let value = Character(scalar).hexDigitValue, value < radix else {
            return nil
        }
        return UInt32(value)
    }
}
