// SPDX-License-Identifier: Apache-2.0
package import JSONText

/// One text in JSON, with comments, and the tree that it holds.
///
/// Read as the original reads it: `//`, `/* */` and `#` comments outside strings are blanks, a trailing comma is an error,
/// text after the top value is ignored, malformed UTF-8 and lone surrogates become U+FFFD. A byte order mark is skipped.
package final class JSONDocument: Sendable {
    /// The name that errors give: a path, or `stdin`; nil for a text without one.
    package let name: String?
    package let root: JSONNode
    /// Where the text behind the top value begins, if there is any.
    package let ignored: Int?
    private let bytes: [UInt8]
    /// The positions of the bytes 0, `stride`, 2 × `stride` …, so that none has to be counted from the top.
    private let checkpoints: [JSONPosition]
    private static let stride = 4096

    /// - Throws: `ConfigurationError` with the line and column where the text stops being JSON.
    package init(bytes: [UInt8], name: String? = nil, allowsComments: Bool = true) throws(ConfigurationError) {
        self.name = name
        self.bytes = bytes
        checkpoints = Self.checkpoints(of: bytes)
        var rules = JSONRules.configuration
        rules.allowsComments = allowsComments
        var parser = JSONParser(bytes, rules: rules)
        do {
            root = try parser.parse()
            ignored = parser.ignored
        } catch {
            throw ConfigurationError(
                message: error.message,
                place: ConfigurationPlace(
                    file: name, position: Self.position(of: error.offset, in: bytes, from: checkpoints)))
        }
    }

    package convenience init(text: String, name: String? = nil) throws(ConfigurationError) {
        try self.init(bytes: Array(text.utf8), name: name)
    }

    package func position(of offset: Int) -> JSONPosition {
        Self.position(of: offset, in: bytes, from: checkpoints)
    }

    private static func position(of offset: Int, in bytes: [UInt8], from checkpoints: [JSONPosition]) -> JSONPosition {
        let nearest = min(max(offset, 0) / stride, checkpoints.count - 1)
        var position = checkpoints[nearest]
        for byte in bytes[min(nearest * stride, bytes.count)..<min(max(offset, 0), bytes.count)] { position.pass(byte) }
        return position
    }

    private static func checkpoints(of bytes: [UInt8]) -> [JSONPosition] {
        var position = JSONPosition()
        var checkpoints: [JSONPosition] = [position]
        for (index, byte) in bytes.enumerated() {
            if index > 0, index % stride == 0 { checkpoints.append(position) }
            position.pass(byte)
        }
        return checkpoints
    }
}
