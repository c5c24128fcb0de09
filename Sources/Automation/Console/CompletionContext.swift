// SPDX-License-Identifier: Apache-2.0

/// What is being typed at the end of a text: a name, a field of a call's table, or a string. Reads the text once, from its beginning,
/// and knows of Lua no more than brackets, strings, comments and names.
struct CompletionContext: Equatable {
    enum Kind: Equatable {
        case name
        /// The name of a field in a table that is given to a function.
        case field
        /// Inside a string.
        case text
    }

    /// A bracket that is open at the end of the text.
    private struct Bracket {
        var opener: UInt8
        /// What stands before it, such as `users.get`.
        var callee: String
        var argument = 1
        /// Since the bracket or the last comma, nothing but the current word has come.
        var isAtStart = true
        /// The field whose value is being typed.
        var field = ""
    }

    private(set) var kind = Kind.name
    /// The part of the word that has been typed.
    private(set) var prefix = ""
    /// The names before the prefix: of `users.ad` it is `["users"]`.
    private(set) var path: [String] = []
    /// The function whose argument is being typed, empty if there is none.
    private(set) var function = ""
    private(set) var argument = 1
    /// The field of a table whose value is being typed, empty if there is none.
    private(set) var field = ""

    init(_ text: String) {
        let bytes = Array(text.utf8)
        var brackets: [Bracket] = []
        var word = ""
        var lastWord = ""
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "'"):
                guard let end = Self.endOfString(bytes, from: index) else {
                    // `f"…` and `f "…` are calls, too.
                    let callee = word.isEmpty ? lastWord : word
                    self.init(
                        kind: .text, prefix: String(decoding: bytes[(index + 1)...], as: UTF8.self),
                        in: callee.isEmpty ? brackets.last : Bracket(opener: byte, callee: callee))
                    return
                }
                index = end
                word = ""
                lastWord = ""
                Self.notAtStart(&brackets)
            case UInt8(ascii: "-") where index + 1 < bytes.count && bytes[index + 1] == byte:
                index = bytes[index...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
                word = ""
            case UInt8(ascii: "("), UInt8(ascii: "{"), UInt8(ascii: "["):
                brackets.append(Bracket(opener: byte, callee: word.isEmpty ? lastWord : word))
                word = ""
                lastWord = ""
            case UInt8(ascii: ")"), UInt8(ascii: "}"), UInt8(ascii: "]"):
                _ = brackets.popLast()
                word = ""
                lastWord = ""
                Self.notAtStart(&brackets)
            case UInt8(ascii: ","), UInt8(ascii: ";"):
                if let last = brackets.indices.last {
                    brackets[last].argument += 1
                    brackets[last].isAtStart = true
                    brackets[last].field = ""
                }
                word = ""
                lastWord = ""
            case UInt8(ascii: "."), UInt8(ascii: ":"):
                if !word.isEmpty { word.unicodeScalars.append(Unicode.Scalar(byte)) }
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"):
                if !word.isEmpty {
                    Self.notAtStart(&brackets)
                    lastWord = word
                }
                word = ""
            case UInt8(ascii: "="):
                if let last = brackets.indices.last { brackets[last].field = word.isEmpty ? lastWord : word }
                word = ""
                lastWord = ""
                Self.notAtStart(&brackets)
            case _ where Self.isName(byte):
                word.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                word = ""
                lastWord = ""
                Self.notAtStart(&brackets)
            }
            index += 1
        }
        self.init(kind: .name, prefix: word, in: brackets.last)
        if let last = brackets.last, last.opener == UInt8(ascii: "{"), last.isAtStart,
            !word.contains(where: { ".:".contains($0) })
        {
            // `f{` is a call with a table; in `f({` the call's bracket is the one before.
            let call = brackets.dropLast().last
            function = last.callee.isEmpty && call?.opener == UInt8(ascii: "(") ? call?.callee ?? "" : last.callee
            if !function.isEmpty { kind = .field }
        }
    }

    private init(kind: Kind, prefix: String, in bracket: Bracket?) {
        self.kind = kind
        function = bracket.map { $0.opener == UInt8(ascii: "[") ? "" : $0.callee } ?? ""
        argument = bracket?.argument ?? 1
        field = bracket?.field ?? ""
        guard kind == .name else {
            self.prefix = prefix
            return
        }
        var parts = prefix.split(separator: /[.:]/, omittingEmptySubsequences: false).map(String.init)
        self.prefix = parts.popLast() ?? ""
        path = parts
    }

    private static func notAtStart(_ brackets: inout [Bracket]) {
        if let last = brackets.indices.last { brackets[last].isAtStart = false }
    }

    /// The index of the quote that ends the string, nil when it goes on to the end.
    private static func endOfString(_ bytes: [UInt8], from start: Int) -> Int? {
        var index = start + 1
        while index < bytes.count {
            if bytes[index] == bytes[start] { return index }
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return nil
    }

    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
