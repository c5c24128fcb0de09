// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LuaRuntime

struct LuaObjectTests {
    private final class Tally {
        var value: Int64 = 0
        var isClosed = false
        let onDeinit: () -> Void
        init(onDeinit: @escaping () -> Void) { self.onDeinit = onDeinit }
        deinit { onDeinit() }
    }

    private let type = LuaObjectType<Tally>(name: "tally", onClose: { $0.isClosed = true })
        .method("add") { tally, call in
            tally.value += try call.integer(1)
            call.push(tally.value)
            return 1
        }

    @Test func methodsReachTheObjectUntilItIsClosed() throws {
        let state = try LuaState()
        let tally = Tally(onDeinit: {})
        try state.register("tally") { [type] call in
            try call.push(tally, as: type)
            return 1
        }
        #expect(try state.evaluate("t = tally() t:add(2) return t:add(3)") == [5])
        #expect(try state.evaluate("return t == tally(), t == 1, rawequal(t, tally())") == [true, false, false])
        func message(_ source: String) -> String? {
            do { _ = try state.evaluate(source, name: "s"); return nil } catch { return error.message }
        }
        #expect(message("t:add('x')") == "s:1: bad argument #1 to 'add' (number expected, got string)")
        #expect(message("t.add(1)")?.contains("tally expected, got number: call its methods with ':'") == true)
        #expect(message("t.value = 1") == "s:1: tally is read-only")
        #expect(message("setmetatable(t, {})")?.contains("table expected") == true)
        #expect(try state.evaluate("return getmetatable(t)") == [false])
        #expect(!tally.isClosed)
        #expect(try state.evaluate("t:close() t:close()") == [])
        #expect(tally.isClosed)
        #expect(message("t:add(1)") == "s:1: tally is closed")
    }

    @Test func handlesReleaseTheirObjects() throws {
        nonisolated(unsafe) var freed = 0
        let state = try LuaState()
        try state.register("tally") { [type] call in
            try call.push(Tally(onDeinit: { freed += 1 }), as: type)
            return 1
        }
        _ = try state.evaluate("do local t <close> = tally() t:add(1) end kept = tally() tally()")
        state.collectGarbage()
        #expect(freed == 2)
        state.close()
        #expect(freed == 3)
    }

    @Test func objectsOfOtherTypesAreRefused() throws {
        let other = LuaObjectType<Tally>(name: "other").method("f") { _, _ in 0 }
        let state = try LuaState()
        try state.register(other)
        try state.register("tally") { [type] call in
            try call.push(Tally(onDeinit: {}), as: type)
            return 1
        }
        try state.register("other") { call in
            try call.push(Tally(onDeinit: {}), as: other)
            return 1
        }
        try state.register("take") { [type] call in
            call.push(try call.object(1, as: type).value)
            return 1
        }
        #expect(try state.evaluate("return take(tally())") == [0])
        let error = #expect(throws: LuaError.self) { try state.evaluate("take(other())", name: "s") }
        #expect(error?.message == "s:1: bad argument #1 to 'take' (tally expected, got userdata)")
        #expect(throws: LuaError.self) { try state.evaluate("other().f(tally())") }
        #expect(throws: LuaError.self) { try state.evaluate("take(io)") }
    }
}
