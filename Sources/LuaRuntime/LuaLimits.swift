// SPDX-License-Identifier: Apache-2.0

/// What one state may use. Nil means without limit.
package struct LuaLimits: Sendable {
    /// Bytes of Lua memory.
    package var memory: Int?
    /// Virtual machine instructions in one run: one `call` or `evaluate`, or the whole life of one coroutine.
    /// Counted in steps of up to 1,000.
    package var instructions: UInt64?
    /// Wall-clock time of one burst: from entering Lua to the return or the next wait.
    package var burst: Duration?
    /// Nesting and number of values that a table may have when it is copied out of Lua.
    package var tableDepth: Int
    package var tableValues: Int

    package init(
        memory: Int? = 64 << 20, instructions: UInt64? = 100_000_000, burst: Duration? = .seconds(5),
        tableDepth: Int = 32, tableValues: Int = 1_000_000
    ) {
        self.memory = memory
        self.instructions = instructions
        self.burst = burst
        self.tableDepth = tableDepth
        self.tableValues = tableValues
    }

    package static let none = LuaLimits(memory: nil, instructions: nil, burst: nil)
}
