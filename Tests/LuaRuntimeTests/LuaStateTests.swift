// SPDX-License-Identifier: Apache-2.0

import LuaRuntime
import Testing

struct LuaStateTests {
    @Test func evaluatesAnExpression() throws {
        let state = try LuaState()
        #expect(try state.evaluate("return 1 + 1, 'x', 1.5, nil, true") == [2, "x", 1.5, nil, true])
    }

    @Test func printGoesToTheClosure() throws {
        nonisolated(unsafe) var lines: [String] = []
        let state = try LuaState(print: { lines.append($0) })
        _ = try state.evaluate("print('a', 1, nil, {} ~= nil)")
        #expect(lines == ["a\t1\tnil\ttrue"])
    }

    @Test func runtimeErrorsCarryPositionAndTraceback() throws {
        let state = try LuaState()
        let error = #expect(throws: LuaError.self) {
            try state.evaluate("local function f()\n error('boom')\nend\nf()", name: "quota.lua")
        }
        #expect(error?.kind == .runtime)
        #expect(error?.message == "quota.lua:2: boom")
        #expect(error?.chunk == "quota.lua")
        #expect(error?.line == 2)
        #expect(error?.traceback.contains("quota.lua:4: in main chunk") == true)
    }

    @Test(arguments: ["x = ", "for i = 1, 2 do", "print(", "if a then\nelse", "x = [[abc", "--[[ open"])
    func unfinishedInputIsIncomplete(source: String) throws {
        let state = try LuaState()
        let error = #expect(throws: LuaError.self) { try state.load(source, name: "input") }
        #expect(error?.kind == .syntax(incomplete: true), "\(error?.message ?? "")")
    }

    @Test(arguments: ["x = = 1", "end", "x = 'abc"])
    func wrongInputIsNotIncomplete(source: String) throws {
        let state = try LuaState()
        let error = #expect(throws: LuaError.self) { try state.load(source, name: "input") }
        #expect(error?.kind == .syntax(incomplete: false))
        #expect(error?.line == 1)
    }

    @Test func hostFunctionsAnswerAndFail() throws {
        struct Missing: Error, CustomStringConvertible { var description: String { "no such user: a" } }
        let state = try LuaState()
        try state.register("stats.get") { call in
            let name = try call.string(1)
            if name == "a" { throw Missing() }
            call.push(name.count)
            return 1
        }
        #expect(try state.evaluate("return stats.get('abc')") == [3])
        #expect(
            try state.evaluate("return pcall(stats.get)", name: "s.lua")
                == [false, "bad argument #1 to 'get' (string expected, got no value)"])
        #expect(
            try state.evaluate("return pcall(function() stats.get('a') end)", name: "s.lua")
                == [false, "s.lua:1: no such user: a"])
        let error = #expect(throws: LuaError.self) { try state.evaluate("stats.get('a')", name: "s.lua") }
        #expect(error?.kind == .host)
        #expect(error?.cause is Missing)
        #expect(error?.message == "s.lua:1: no such user: a")
        let readOnly = #expect(throws: LuaError.self) { try state.evaluate("stats.get = 1", name: "s.lua") }
        #expect(readOnly?.message == "s.lua:1: stats is read-only: cannot assign 'get'")
    }

    @Test func aWaitSuspendsAndResumes() throws {
        let state = try LuaState()
        try state.register("sleep") { call in .yield(try call.string(1)) }
        let function = try state.load(
            """
            local ok, value = pcall(sleep, '1s')
            local wrapped = coroutine.wrap(function(a)
                local b = sleep('2s')
                return (coroutine.yield(a + b))
            end)
            local sum = wrapped(1)
            return ok, value, sum, wrapped(7), pcall(function() sleep('3s') end)
            """, name: "s.lua")
        let coroutine = try state.makeCoroutine(function)
        func expectSuspended(_ outcome: LuaCoroutine.Outcome, _ name: String) {
            guard case .suspended(let operation) = outcome else { Issue.record("\(outcome)"); return }
            #expect(operation as? String == name)
        }
        expectSuspended(try coroutine.resume(), "1s")
        expectSuspended(try coroutine.resume(with: ["done"]), "2s")
        expectSuspended(try coroutine.resume(with: [10]), "3s")
        guard case .finished(let values) = try coroutine.resume(throwing: CancellationError()) else {
            Issue.record("not finished")
            return
        }
        #expect(values == [true, "done", 11, 7, false, "s.lua:7: CancellationError()"])
    }

    @Test func aScriptIsDrivenOnItsThread() async throws {
        let thread = LuaThread(name: "test")
        let state = try await LuaConfined(on: thread) {
            let state = try LuaState()
            try state.register("double") { call in .yield(try call.integer(1)) }
            return state
        }
        let values = try await state.drive({ try $0.load("return double(4) + double(5)", name: "s") }) { operation in
            [.integer((operation as? Int64 ?? 0) * 2)]
        }
        #expect(values == [18])
        await thread.stop()
    }
}
