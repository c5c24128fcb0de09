// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LuaRuntime

struct HostFunctionTests {
    private func message(_ state: LuaState, _ source: String) -> String? {
        do {
            _ = try state.evaluate(source, name: "s.lua")
            return nil
        } catch {
            return error.message
        }
    }

    @Test func argumentsAreChecked() throws {
        let state = try LuaState()
        try state.register("f") { call in
            call.push(try call.string(1))
            call.push(try call.integer(2))
            call.push(try call.optionalNumber(3) ?? -1)
            call.push(try call.optionalBoolean(4) ?? false)
            return 4
        }
        #expect(try state.evaluate("return f(12, '3')") == ["12", 3, -1.0, false])
        #expect(try state.evaluate("return f('a', 3.0, 2, true)") == ["a", 3, 2.0, true])
        #expect(message(state, "f()") == "s.lua:1: bad argument #1 to 'f' (string expected, got no value)")
        #expect(message(state, "f({})") == "s.lua:1: bad argument #1 to 'f' (string expected, got table)")
        #expect(message(state, "f('', nil)") == "s.lua:1: bad argument #2 to 'f' (number expected, got nil)")
        #expect(
            message(state, "f('', 1.5)")
                == "s.lua:1: bad argument #2 to 'f' (number has no integer representation)")
        #expect(message(state, "f('', 1, {})") == "s.lua:1: bad argument #3 to 'f' (number expected, got table)")
        #expect(message(state, "f('', 1, 1, 1)") == "s.lua:1: bad argument #4 to 'f' (boolean expected, got number)")
    }

    @Test func tablesAreBuiltOnTheStack() throws {
        let state = try LuaState()
        try state.register("rows") { call in
            let count = Int(try call.integer(1))
            call.beginTable(array: count)
            for index in 1...count {
                call.beginTable(fields: 4)
                call.setField("email", "u\(index)@example.com")
                call.setField("up", Int64(index))
                call.setField("rate", 0.5)
                call.setField("online", index % 2 == 0)
                call.beginTable()
                call.setElement(1, "a")
                call.setElement(2, 7)
                call.endField("tags")
                call.endElement(index)
            }
            return 1
        }
        #expect(
            try state.evaluate("local r = rows(1000) return #r, r[1000].email, r[2].online, r[3].tags[2], r[4].rate")
                == [1000, "u1000@example.com", true, 7, 0.5])
    }

    @Test func misplacedFieldsFailTheCall() throws {
        let state = try LuaState()
        try state.register("f") { call in
            call.setField("a", 1)
            return 1
        }
        try state.register("g") { call in
            call.push(1)
            call.endField("a")
            return 1
        }
        #expect(message(state, "f()")?.hasPrefix("s.lua:1: no table to set 'a'") == true)
        #expect(message(state, "g()")?.hasPrefix("s.lua:1: no table to put") == true)
        #expect(try state.evaluate("return 1") == [1])
    }

    @Test func moreResultsThanPushesAreNotMadeUp() throws {
        let state = try LuaState()
        try state.register("f") { call in .values(1_000_000) }
        try state.register("g") { call in .values(-5) }
        #expect(try state.evaluate("return f()") == [])
        #expect(try state.evaluate("return g(1, 2)") == [])
    }

    @Test func pushesBeyondTheStackFailTheCall() throws {
        let state = try LuaState(limits: LuaLimits(memory: nil, burst: nil))
        try state.register("f") { call in
            for index in 0..<1_100_000 { call.push(index) }
            return .values(1_100_000)
        }
        #expect(message(state, "f()") == "s.lua:1: too many values for Lua's stack")
    }

    @Test func resultsOverTheMemoryLimitAreAnError() throws {
        let state = try LuaState(limits: LuaLimits(memory: 4 << 20))
        try state.register("f") { call in
            call.push(bytes: [UInt8](repeating: 1, count: 8 << 20))
            return 1
        }
        let error = #expect(throws: LuaError.self) { try state.evaluate("local a = f() return #a") }
        #expect(error?.kind == .memory)
        state.collectGarbage()
        #expect(state.usedMemory < 1 << 20)
        #expect(state.peakMemory > 8 << 20)
        state.resetPeakMemory()
        #expect(state.peakMemory < 1 << 20)
    }

    @Test func pathsMakeReadOnlyTables() throws {
        let state = try LuaState()
        try state.register("a.b.c") { call in
            call.push("c")
            return 1
        }
        try state.register("a.d") { call in
            call.push("d")
            return 1
        }
        try state.define("a.b.version", "1.0")
        #expect(try state.evaluate("return a.b.c(), a.d(), a.b.version, a.x") == ["c", "d", "1.0", nil])
        #expect(
            try state.evaluate("local n = {} for k in pairs(a.b) do n[#n + 1] = k end table.sort(n) return n")
                == [["c", "version"]])
        #expect(message(state, "a.b.x = 1") == "s.lua:1: a.b is read-only: cannot assign 'x'")
        #expect(throws: LuaError.self) { try state.register("a..b") { _ in 0 } }
        #expect(throws: LuaError.self) { try state.register("") { _ in 0 } }
        #expect(state.stackDepth == 0)
    }

    @Test func functionsGoBothWays() throws {
        let state = try LuaState()
        nonisolated(unsafe) var kept: LuaFunctionRef?
        try state.register("on") { call in
            kept = try call.function(1)
            return 0
        }
        try state.register("now") { call in
            for value in try call.state.call(try call.function(1), [.integer(Int64(call.count))]) { call.push(value) }
            return 1
        }
        _ = try state.evaluate("local n = 0 on(function(d) n = n + d return n end)")
        let function = try #require(kept)
        #expect(try state.call(function, [2]) == [2])
        #expect(try state.call(function, [3]) == [5])
        #expect(try state.evaluate("return now(function(n) return n * 10 end, 1, 2)") == [30])
        #expect(message(state, "now(function() error('inner') end)") == "s.lua:1: inner")
    }

    @Test func anErrorOfACallbackKeepsItsCause() throws {
        struct Inner: Error {}
        let state = try LuaState()
        try state.register("fail") { _ in throw Inner() }
        try state.register("now") { call in .values(try call.state.call(try call.function(1)).count) }
        let error = #expect(throws: LuaError.self) {
            try state.evaluate("\nnow(function()\n fail() end)", name: "s.lua")
        }
        #expect(error?.kind == .host)
        #expect(error?.cause is Inner)
        #expect(error?.message == "s.lua:3: Inner()")
    }

    @Test func aHostFunctionCannotCatchAStop() throws {
        let state = try LuaState(limits: LuaLimits(burst: .milliseconds(50)))
        try state.register("quiet") { call in
            _ = try? call.state.call(try call.function(1))
            return 0
        }
        let error = #expect(throws: LuaError.self) {
            try state.evaluate("while true do quiet(function() while true do end end) end")
        }
        #expect(error?.kind == .deadline)
    }

    @Test func deepNestingOfHostAndScriptIsAnError() throws {
        let state = try LuaState()
        try state.register("again") { call in
            let function = try call.function(1)
            for value in try call.state.call(function, [.function(function)]) { call.push(value) }
            return 1
        }
        let error = #expect(throws: LuaError.self) {
            try state.evaluate("local function f() return again(f) end return f()")
        }
        #expect(error?.message.contains("stack overflow") == true, "\(error?.message ?? "")")
        #expect(state.stackDepth == 0)
    }

    @Test func closingWithinACallWaitsForItsEnd() throws {
        let state = try LuaState()
        try state.register("quit") { call in
            call.state.close()
            return 0
        }
        let error = #expect(throws: LuaError.self) { try state.evaluate("quit() while true do end") }
        #expect(error?.kind == .killed)
        #expect(state.isClosed)
        #expect(throws: LuaError.self) { try state.evaluate("return 1") }
        state.close()
    }
}
