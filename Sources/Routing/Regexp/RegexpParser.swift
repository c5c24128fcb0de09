// SPDX-License-Identifier: Apache-2.0

/// Reads the syntax that Go's regexp package calls Perl's: RE2 with the flags i, m, s and U.
struct RegexpParser {
    /// Counts of repetitions, also nested ones multiplied, are not higher.
    static let repeatLimit = 1000
    /// Groups within groups. Go allows 1000; every level takes stack here.
    static let depthLimit = 200

    private struct Flags {
        var foldsCase = false
        var isMultiline = false
        var dotTakesNewline = false
    }

    var scalars: [UInt32]
    var position = 0
    private var flags = Flags()
    private var groupNames: Set<String> = []

    init(_ pattern: String) {
        scalars = pattern.unicodeScalars.map(\.value)
    }

    mutating func parse() throws(RegexpError) -> RegexpNode {
        let node = try alternation(depth: 0)
        guard position == scalars.count else { throw error(.unexpectedParenthesis, 0, scalars.count) }
        return node
    }

    // MARK: Sequences

    /// Reads up to the end or an unmatched parenthesis, which is left.
    private mutating func alternation(depth: Int) throws(RegexpError) -> RegexpNode {
        guard depth <= Self.depthLimit else { throw error(.nestsTooDeeply, 0, scalars.count) }
        var branches: [RegexpNode] = []
        var items: [RegexpNode] = []
        var lastRepeat: Int?
        while let next = peek(), next != ")" {
            var isRepeat = false
            let start = position
            switch next {
            case "|":
                position += 1
                branches.append(.concatenation(items))
                items = []
            case "(":
                if let node = try group(depth: depth) { items.append(node) }
            case "*", "+", "?":
                position += 1
                try repeatLast(&items, next == "+" ? 1 : 0, next == "?" ? 1 : nil, from: start, after: lastRepeat)
                isRepeat = true
            case "{":
                if let (min, max) = count() {
                    guard min <= Self.repeatLimit, (max ?? min) <= Self.repeatLimit, min <= max ?? min else {
                        throw error(.invalidRepeatCount, start, position)
                    }
                    try repeatLast(&items, min, max, from: start, after: lastRepeat)
                    isRepeat = true
                } else {
                    position += 1
                    items.append(literal(0x7b))
                }
            case "^":
                position += 1
                items.append(.assertion(flags.isMultiline ? .beginLine : .beginText))
            case "$":
                position += 1
                items.append(.assertion(flags.isMultiline ? .endLine : .endText))
            case ".":
                position += 1
                items.append(.scalars(flags.dotTakesNewline ? .all : ScalarSet(0x0a).inverted))
            case "[":
                items.append(.scalars(try characterClass()))
            case "\\":
                try escapeItem(&items)
            default:
                items.append(literal(scalars[position]))
                position += 1
            }
            lastRepeat = isRepeat ? start : nil
        }
        branches.append(.concatenation(items))
        return branches.count == 1 ? branches[0] : .alternation(branches)
    }

    private func literal(_ scalar: UInt32) -> RegexpNode {
        let set = ScalarSet(scalar)
        return .scalars(flags.foldsCase ? set.caseFolded : set)
    }

    private mutating func repeatLast(
        _ items: inout [RegexpNode], _ min: Int, _ max: Int?, from start: Int, after lastRepeat: Int?
    ) throws(RegexpError) {
        if peek() == "?" { position += 1 }
        if let lastRepeat { throw error(.invalidNestedRepetition, lastRepeat, position) }
        guard let item = items.popLast() else { throw error(.missingArgument, start, position) }
        let node = RegexpNode.repetition(item, min: min, max: max)
        guard node.repeatsAtMost(Self.repeatLimit) else { throw error(.invalidRepeatCount, start, position) }
        items.append(node)
    }

    /// `{n}`, `{n,}` or `{n,m}`; nil, with the position kept, for text that only looks like it.
    private mutating func count() -> (min: Int, max: Int?)? {
        let start = position
        position += 1
        if let min = number() {
            var max: Int? = min
            if peek() == "," {
                position += 1
                max = nil
                if peek() != "}" {
                    max = number()
                    if max == nil { position = scalars.count }
                }
            }
            if peek() == "}" {
                position += 1
                return (min, max)
            }
        }
        position = start
        return nil
    }

    private mutating func number() -> Int? {
        let start = position
        var value = 0
        while let digit = peek(), digit.value >= 0x30, digit.value <= 0x39 {
            value = Swift.min(value * 10 + Int(digit.value - 0x30), 100_000_000)
            position += 1
        }
        guard position > start, position == start + 1 || scalars[start] != 0x30 else { return nil }
        return value
    }

    // MARK: Groups

    /// A group, or nil for one that only sets flags.
    private mutating func group(depth: Int) throws(RegexpError) -> RegexpNode? {
        let saved = flags
        position += 1
        if peek() == "?" {
            guard try groupHead() else { return nil }
        }
        let node = try alternation(depth: depth + 1)
        guard peek() == ")" else { throw error(.missingParenthesis, 0, scalars.count) }
        position += 1
        flags = saved
        return node
    }

    /// Reads what stands between `(?` and the group's content; false when there is no content.
    private mutating func groupHead() throws(RegexpError) -> Bool {
        let start = position - 1
        position += 1
        if peek() == "P" || peek() == "<" {
            if peek() == "P" { position += 1 }
            guard peek() == "<" else {
                position += position < scalars.count ? 1 : 0
                throw error(.invalidPerlOperator, start, position)
            }
            position += 1
            guard let end = scalars[position...].firstIndex(of: 0x3e) else {
                throw error(.invalidNamedCapture, start, scalars.count)
            }
            let name = text(position, end)
            position = end + 1
            let isPlain = !name.isEmpty && name.unicodeScalars.allSatisfy { ScalarSet.words.contains($0.value) }
            guard isPlain, groupNames.insert(name).inserted else {
                throw error(.invalidNamedCapture, start, position)
            }
            return true
        }
        var isSetting = true
        var needsFlag = false
        var changed = flags
        while let next = peek() {
            position += 1
            switch next {
            case "i": changed.foldsCase = isSetting
            case "m": changed.isMultiline = isSetting
            case "s": changed.dotTakesNewline = isSetting
            case "U": break
            case "-" where isSetting:
                isSetting = false
                needsFlag = true
                continue
            case ":" where !needsFlag, ")" where !needsFlag:
                flags = changed
                return next == ":"
            default:
                throw error(.invalidPerlOperator, start, position)
            }
            needsFlag = false
        }
        throw error(.missingParenthesis, 0, scalars.count)
    }

    // MARK: Escapes outside of classes

    private mutating func escapeItem(_ items: inout [RegexpNode]) throws(RegexpError) {
        let start = position
        switch peek(1) {
        case "A": items.append(.assertion(.beginText))
        case "z": items.append(.assertion(.endText))
        case "b": items.append(.assertion(.wordBoundary))
        case "B": items.append(.assertion(.noWordBoundary))
        case "C":
            throw error(.invalidEscape, start, start + 2)
        case "Q":
            position += 2
            while position < scalars.count {
                if peek() == "\\", peek(1) == "E" {
                    position += 2
                    return
                }
                items.append(literal(scalars[position]))
                position += 1
            }
            return
        default:
            if let set = try classEscape() {
                items.append(.scalars(set))
            } else {
                items.append(literal(try escapedScalar()))
            }
            return
        }
        position += 2
    }

    // MARK: Helpers

    var foldsCase: Bool { flags.foldsCase }

    func peek(_ offset: Int = 0) -> Unicode.Scalar? {
        let index = position + offset
        return index < scalars.count ? Unicode.Scalar(scalars[index]) : nil
    }

    func text(_ start: Int, _ end: Int) -> String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[start..<min(end, scalars.count)].compactMap(Unicode.Scalar.init))
        return String(text)
    }

    func error(_ code: RegexpError.Code, _ start: Int, _ end: Int) -> RegexpError {
        RegexpError(code: code, fragment: text(start, end))
    }
}
