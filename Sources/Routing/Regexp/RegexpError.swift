// SPDX-License-Identifier: Apache-2.0

/// Why a regular expression cannot be used, in the words of Go's parser.
struct RegexpError: Error, Sendable, Equatable {
    enum Code: String, Sendable {
        case invalidCharacterRange = "invalid character class range"
        case invalidEscape = "invalid escape sequence"
        case invalidNamedCapture = "invalid named capture"
        case invalidPerlOperator = "invalid or unsupported Perl syntax"
        case invalidNestedRepetition = "invalid nested repetition operator"
        case invalidRepeatCount = "invalid repeat count"
        case missingBracket = "missing closing ]"
        case missingParenthesis = "missing closing )"
        case missingArgument = "missing argument to repetition operator"
        case trailingBackslash = "trailing backslash at end of expression"
        case unexpectedParenthesis = "unexpected )"
        case nestsTooDeeply = "expression nests too deeply"
        case tooLarge = "expression too large"
    }

    let code: Code
    /// The part of the expression that is at fault.
    let fragment: String

    var message: String { "error parsing regexp: \(code.rawValue): `\(fragment)`" }
}
