// SPDX-License-Identifier: Apache-2.0

/// A place in a text, as editors count.
package struct JSONPosition: Sendable, Hashable {
    /// From 1.
    package var line: Int
    /// From 1, in characters (Unicode scalars).
    package var column: Int

    package init(line: Int = 1, column: Int = 1) {
        self.line = line
        self.column = column
    }

    /// The place of a byte, from 0; behind the last one if there are fewer.
    package init(of offset: Int, in bytes: [UInt8]) {
        self.init()
        for byte in bytes.prefix(offset) { pass(byte) }
    }

    /// Moves behind one byte; the bytes within a character do not count.
    package mutating func pass(_ byte: UInt8) {
        if byte == 0x0a {
            line += 1
            column = 1
        } else if byte & 0xc0 != 0x80 {
            column += 1
        }
    }
}
