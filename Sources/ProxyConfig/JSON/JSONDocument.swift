// SPDX-License-Identifier: Apache-2.0

/// One text in JSON, with comments, and the tree that it holds.
///
/// Read as the original reads it: `//`, `/* */` and `#` comments outside strings are blanks, a trailing comma is an error,
/// text after the top value is ignored, malformed UTF-8 and lone surrogates become U+FFFD. A byte order mark is skipped.
package final class JSONDocument: Sendable {
    /// The name that errors give: a path, or `stdin`; nil for a text without one.
    package let name: String?
    package let root: JSONNode
    private let bytes: [UInt8]

    /// - Throws: `ConfigurationError` with the line and column where the text stops being JSON.
    package init(bytes: [UInt8], name: String? = nil, allowsComments: Bool = true) throws(ConfigurationError) {
        self.name = name
        self.bytes = bytes
        var parser = JSONParser(bytes: bytes, allowsComments: allowsComments)
        do {
            root = try parser.parse()
        } catch {
            throw ConfigurationError(
                message: error.message,
                place: ConfigurationPlace(file: name, position: Self.position(of: error.offset, in: bytes)))
        }
    }

    package convenience init(text: String, name: String? = nil) throws(ConfigurationError) {
        try self.init(bytes: Array(text.utf8), name: name)
    }

    package struct Position: Sendable, Hashable {
        /// From 1.
        package var line: Int
        /// From 1, in characters (Unicode scalars).
        package var column: Int
    }

    package func position(of offset: Int) -> Position {
        Self.position(of: offset, in: bytes)
    }

    private static func position(of offset: Int, in bytes: [UInt8]) -> Position {
        var position = Position(line: 1, column: 1)
        for byte in bytes.prefix(offset) {
            if byte == 0x0a {
                position = Position(line: position.line + 1, column: 1)
            } else if byte & 0xc0 != 0x80 {
                position.column += 1
            }
        }
        return position
    }
}
