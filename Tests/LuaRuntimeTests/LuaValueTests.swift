// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LuaRuntime

struct LuaValueTests {
    @Test(
        arguments: [
            nil, true, false, 0, 1.5, -1, "", "text", "zoë", ["a", "b", 3], ["name": "x", "list": [1, [2, [3]]]],
            .integer(.max), .integer(.min), .number(.infinity), .bytes([0xff, 0, 1]), .string("a\0b"),
            .table(LuaTable(array: [1], fields: [5: "five", true: 1, 1.5: "x"])),
        ] as [LuaValue])
    func valuesPassThroughLua(value: LuaValue) throws {
        let state = try LuaState()
        let identity = try state.load("return ...", name: "identity")
        #expect(try state.call(identity, [value, 1]) == [value, 1])
        #expect(state.stackDepth == 0)
    }

    @Test func integersStayIntegersAndFloatsFloats() throws {
        let state = try LuaState()
        #expect(
            try state.evaluate("return 1, 1.0, 2^53, 7 // 2") == [
                .integer(1), .number(1), .number(0x1p53), .integer(3),
            ])
        #expect(LuaValue.number(3).integer == 3)
        #expect(LuaValue.number(3.5).integer == nil)
        #expect(LuaValue.number(1e300).integer == nil)
    }

    @Test func nilsWithinAListKeepTheirPlaces() throws {
        let state = try LuaState()
        let table = try #require(try state.evaluate("return { 1, nil, 3, n = 3 }").first?.table)
        #expect(table.array == [1, nil, 3])
        #expect(table["n"] == 3)
        #expect(table.names == ["n"])
    }

    @Test func aTableThatContainsItselfIsRefused() throws {
        let state = try LuaState()
        let error = #expect(throws: LuaError.self) { try state.evaluate("local t = {} t.x = { t } return t") }
        #expect(error?.message == "the table contains itself")
        #expect(state.stackDepth == 0)
        #expect(try state.evaluate("local t = {} return { t, t }").first?.table?.array.count == 2)
    }

    @Test func deepAndLargeTablesAreRefused() throws {
        let state = try LuaState(limits: LuaLimits(tableDepth: 3, tableValues: 10))
        #expect(try state.evaluate("return {{{}}}").count == 1)
        #expect(throws: LuaError.self) { try state.evaluate("return {{{{}}}}") }
        #expect(throws: LuaError.self) { try state.evaluate("return {1,2,3,4,5,6,7,8,9,10,11}") }
        #expect(throws: LuaError.self) {
            try state.evaluate("local t = {} for i = 1, 11 do t['k' .. i] = i end return t")
        }
        #expect(state.stackDepth == 0)
    }

    @Test func valuesTooDeepForLuaAreRefused() throws {
        let state = try LuaState()
        var value: LuaValue = 1
        for _ in 0..<50 { value = [value] }
        let identity = try state.load("return 1", name: "identity")
        let error = #expect(throws: LuaError.self) { try state.call(identity, [1, value]) }
        #expect(error?.message == "the table is nested deeper than 32")
        #expect(state.stackDepth == 0)
    }

    @Test func functionsAreReferencesToTheirState() throws {
        let state = try LuaState()
        let other = try LuaState()
        let function = try #require(try state.evaluate("return function(a, b) return a + b end").first?.function)
        #expect(try state.call(function, [2, 3]) == [5])
        let error = #expect(throws: LuaError.self) { try other.call(function) }
        #expect(error?.message == "a function of another Lua state")
        #expect(other.stackDepth == 0)
    }

    @Test func droppedReferencesAreFreed() throws {
        let state = try LuaState()
        let identity = try state.load("return ...", name: "identity")
        for _ in 0..<100 { _ = try state.evaluate("return function() end, function() end") }
        state.collectGarbage()
        let before = state.usedMemory
        for _ in 0..<2_000 { _ = try state.evaluate("return function() end, function() end") }
        _ = try state.call(identity)
        state.collectGarbage()
        #expect(state.usedMemory < before + 20_000)
    }

    @Test func objectsAndCoroutinesStayInLua() throws {
        let state = try LuaState()
        #expect(try state.evaluate("return coroutine.create(print)") == [.other("thread")])
        #expect(throws: LuaError.self) { try state.setGlobal("x", .other("thread")) }
    }

    @Test func globalsAreReadAndSet() throws {
        let state = try LuaState()
        try state.setGlobal("config", ["name": "x"])
        #expect(try state.evaluate("config.name = config.name .. 'y' return config.name") == ["xy"])
        #expect(try state.global("config").table?["name"] == "xy")
        #expect(try state.global("missing").isNil)
        #expect(state.stackDepth == 0)
    }
}
