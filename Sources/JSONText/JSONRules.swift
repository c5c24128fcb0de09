// SPDX-License-Identifier: Apache-2.0

/// What a text may be beyond RFC 8259, and how deep.
package struct JSONRules: Sendable {
    /// `//`, `/* */` and `#` comments outside strings are blanks.
    package var allowsComments = false
    /// A byte order mark may stand in front.
    package var allowsByteOrderMark = false
    /// What follows the first value is not looked at.
    package var ignoresTextBehind = false
    /// Malformed UTF-8 and halves of surrogate pairs become U+FFFD; they are refused otherwise.
    package var replacesMalformedText = false
    /// Deeper nesting of lists and objects is refused, so that no text can exhaust the stack.
    package var maximumDepth: Int

    /// RFC 8259 as it stands.
    package static func strict(depth: Int) -> JSONRules { JSONRules(maximumDepth: depth) }

    /// What the original takes as a configuration.
    package static let configuration = JSONRules(
        allowsComments: true, allowsByteOrderMark: true, ignoresTextBehind: true, replacesMalformedText: true,
        maximumDepth: 256)
}

/// Why a text is not JSON.
package struct JSONSyntaxError: Error, Sendable, Equatable {
    /// One line, lower-case: `unexpected ']' where a value should begin`.
    package var message: String
    /// The first byte, from 0, that cannot stand there.
    package var offset: Int
    package var isTooDeep: Bool

    package init(message: String, offset: Int, isTooDeep: Bool = false) {
        self.message = message
        self.offset = offset
        self.isTooDeep = isTooDeep
    }
}
