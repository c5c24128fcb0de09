// SPDX-License-Identifier: Apache-2.0
import CLineEditor

/// Text on its way to a terminal. Names and messages come from peers, so nothing in them may steer the terminal.
enum DisplayText {
    /// The text with control characters spelled out; line ends and tabs stay.
    static func safe(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { isControl($0) && $0 != "\n" && $0 != "\t" }) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if isControl(scalar), scalar != "\n", scalar != "\t" {
                result += escape(scalar)
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// As a Lua string would be written.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where isControl(scalar): result += escape(scalar)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// Columns that the text takes.
    static func width(_ text: String) -> Int {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f }
            ? text.utf8.count : text.unicodeScalars.reduce(0) { $0 + Int(le_width($1.value)) }
    }

    /// At most so many columns, the last of them a `…` when something was cut.
    static func cut(_ text: String, to columns: Int) -> String {
        guard width(text) > columns else { return text }
        var result = ""
        var used = 0
        for character in text {
            let more = width(String(character))
            guard used + more < columns else { break }
            used += more
            result.append(character)
        }
        return result + "…"
    }

    /// The text in lines of at most so many columns, broken at blanks. Lines that begin with a blank, as code does, stay.
    static func wrapped(_ text: String, to columns: Int) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line -> String in
            guard width(String(line)) > columns, line.first != " " else { return String(line) }
            var lines = [""]
            for word in line.split(separator: " ").map(String.init) {
                let last = lines[lines.count - 1]
                if last.isEmpty {
                    lines[lines.count - 1] = word
                } else if width(last) + 1 + width(word) <= columns {
                    lines[lines.count - 1] = last + " " + word
                } else {
                    lines.append(word)
                }
            }
            return lines.joined(separator: "\n")
        }.joined(separator: "\n")
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        // Also what turns the direction of writing around.
        case 0..<0x20, 0x7f..<0xa0, 0x202a...0x202e, 0x2066...0x2069: true
        default: false
        }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16)
        return scalar.value < 0x80 ? "\\x" + (digits.count == 1 ? "0" : "") + digits : "\\u{\(digits)}"
    }
}
