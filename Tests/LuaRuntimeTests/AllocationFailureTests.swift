// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing

@testable import LuaRuntime

/// Every allocation of a script that uses everything fails once: an error has to come of it, or nothing, but no crash
/// and no leak.
struct AllocationFailureTests {
    private final class Probe: Sendable {
        let alive: Counter
        init(_ alive: Counter) {
            self.alive = alive
            alive.value.add(1, ordering: .relaxed)
        }
        deinit { alive.value.subtract(1, ordering: .relaxed) }
    }

    private final class Counter: Sendable { let value = Atomic<Int>(0) }

    private static let script = """
        local text = require("text")
        local rows = users.list(20)
        local total = 0
        for i, row in ipairs(rows) do total = total + row.up + #row.name end
        local handle <close> = probe()
        handle:poke(1)
        local ok, message = pcall(users.fail)
        assert(not ok and message:find("no such user"))
        assert(not pcall(users.list, "x"))
        local wrapped = coroutine.wrap(function(a) local b = wait(a) return coroutine.yield(b) end)
        wrapped("one")
        assert(select("#", pcall(wait, "two")) == 3)
        local words = {}
        for word in ("a quick brown fox"):gmatch("%a+") do table.insert(words, 1, word:upper()) end
        table.sort(words, function(a, b) return a < b end)
        table.sort(words)
        local joined = table.concat(words, ",") .. text.repeated("x", 300):gsub("x", { x = "yy" })
        local chunk = assert(load("local a = ... return a * 2, { a, b = { a } }"))
        local doubled, nested = chunk(21)
        visit(function(value) return value .. joined end)
        local described = setmetatable({}, { __tostring = function() return "e" end })
        xpcall(error, function(e) return tostring(e) .. "!" end, described)
        print(total, doubled, nested, string.format("%5.1f %q", 1.5, joined), os.date("%Y"))
        return total, nested, handle, function() return handle end
        """

    /// Runs the script with the n-th allocation failing; the number of allocations that it made.
    private func run(failing n: Int, alive: Counter) throws -> (allocations: Int, error: LuaError?) {
        struct Missing: Error, CustomStringConvertible { var description: String { "no such user" } }
        let state = try LuaState(modules: { name in
            Array("local t = {} function t.repeated(s, n) return s:rep(n) end return t".utf8)
        })
        let probe = LuaObjectType<Probe>(name: "probe", onClose: { _ in }).method("poke") { _, call in
            call.push(try call.integer(1))
            return 1
        }
        try state.register("probe") { call in
            try call.push(Probe(alive), as: probe)
            return 1
        }
        try state.register("users.list") { call in
            let count = Int(try call.integer(1))
            call.beginTable(array: count)
            for index in 0..<count {
                call.beginTable(fields: 2)
                call.setField("name", "a rather long name of the user \(index)")
                call.setField("up", index)
                call.endElement(index + 1)
            }
            return 1
        }
        try state.register("users.fail") { _ in throw Missing() }
        try state.register("wait") { call in .yield(try call.string(1)) }
        try state.register("visit") { call in
            _ = Probe(alive)
            let results = try call.state.call(try call.function(1), ["text"])
            call.push(results.first ?? .nil)
            return 1
        }
        let depth = state.stackDepth
        state.failAllocation(n)
        var failure: LuaError?
        do {
            let coroutine = try state.makeCoroutine(try state.load(Self.script, name: "all.lua"))
            var outcome = try coroutine.resume()
            while case .suspended(let operation) = outcome {
                outcome = try coroutine.resume(with: [.string(operation as? String ?? ""), [1, 2, 3]])
            }
        } catch {
            failure = error
        }
        let allocations = state.allocations
        state.failAllocation(0)
        #expect(state.stackDepth == depth)
        let next = try state.evaluate("return 1")
        #expect(next == [1])
        state.close()
        state.close()
        return (allocations, failure)
    }

    @Test func eachFailureIsAnErrorAndLeaksNothing() throws {
        let alive = Counter()
        let whole = try run(failing: 0, alive: alive)
        #expect(whole.error == nil, "\(whole.error?.message ?? "")")
        #expect(whole.allocations > 150)
        var failures = 0
        for n in 1...whole.allocations {
            let error = try run(failing: n, alive: alive).error
            if let error {
                failures += 1
                #expect([.memory, .runtime, .host].contains(error.kind), "\(n): \(error.kind) \(error)")
            }
            #expect(alive.value.load(ordering: .relaxed) == 0, "objects left by failure \(n)")
        }
        #expect(failures > 100)
    }
}
