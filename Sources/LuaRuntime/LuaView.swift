// SPDX-License-Identifier: Apache-2.0

/// How much of a result is copied for people to look at. Unlike a copy for use, which is whole or refused, a view is cut off: `…` stands
/// for what was left out, `cycle` for a table inside itself, and a read-only table shows what is behind it.
package struct LuaView: Sendable {
    /// How deep tables may be nested.
    package var depth: Int
    /// How many values all tables may have together.
    package var values: Int

    package init(depth: Int = 12, values: Int = 20_000) {
        self.depth = depth
        self.values = values
    }
}
