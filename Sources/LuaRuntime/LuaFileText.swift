// SPDX-License-Identifier: Apache-2.0

/// The text of a Lua file, read as Lua's own interpreter reads files.
package enum LuaFileText {
    /// Leaves out a byte order mark, and a first line that begins with `#` but for its end, so that lines keep their numbers.
    package static func stripped(_ bytes: [UInt8]) -> [UInt8] {
        var rest = bytes[...]
        if rest.starts(with: [0xef, 0xbb, 0xbf]) { rest = rest.dropFirst(3) }
        if rest.first == UInt8(ascii: "#") { rest = rest.drop { $0 != UInt8(ascii: "\n") } }
        return Array(rest)
    }
}
