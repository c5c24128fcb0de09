// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LuaRuntime

struct LuaCoroutineTests {
    private func state(limits: LuaLimits = LuaLimits()) throws -> LuaState {
        let state = try LuaState(limits: limits)
        try state.register("wait") { call in .yield(try call.optionalString(1) ?? "") }
        return state
    }

    /// Drives to the end: each wait is answered by its own name in capitals; `!x` fails with x.
    private func drive(_ state: LuaState, _ source: String) throws -> (values: [LuaValue], waits: [String]) {
        struct Failed: Error, CustomStringConvertible { let description: String }
        let coroutine = try state.makeCoroutine(try state.load(source, name: "s.lua"))
        var outcome = try coroutine.resume()
        var waits: [String] = []
        while case .suspended(let operation) = outcome {
            let name = operation as? String ?? "?"
            waits.append(name)
            if name.hasPrefix("!") {
                outcome = try coroutine.resume(throwing: Failed(description: String(name.dropFirst())))
            } else {
                outcome = try coroutine.resume(with: [.string(name.uppercased())])
            }
            #expect(state.stackDepth == 0)
        }
        guard case .finished(let values) = outcome else { return ([], waits) }
        return (values, waits)
    }

    @Test(
        arguments: [
            ("return wait('a'), wait('b')", ["A", "B"]),
            ("return pcall(wait, 'a')", [true, "A"]),
            ("return select(2, pcall(pcall, pcall, wait, 'a'))", [true, true, "A"]),
            ("return xpcall(wait, print, 'a')", [true, "A"]),
            ("return pcall(wait, '!gone')", [false, "gone"]),
            ("return pcall(function() wait('!gone') end)", [false, "s.lua:1: gone"]),
            (
                "return xpcall(function() wait('!gone') end, function(e) return '<' .. e .. '>' end)",
                [false, "<s.lua:1: gone>"]
            ),
            ("return coroutine.wrap(function() return wait('a') end)()", ["A"]),
            (
                "return coroutine.resume(coroutine.create(function() return wait('a'), wait('b') end))",
                [true, "A", "B"]
            ),
            ("return coroutine.resume(coroutine.create(function() wait('!x') end))", [false, "s.lua:1: x"]),
            (
                """
                return coroutine.wrap(function()
                    return coroutine.wrap(function() return pcall(wait, 'deep') end)()
                end)()
                """,
                [true, "DEEP"]
            ),
            ("local t = setmetatable({}, { __index = function(_, k) return wait(k) end }) return t.a", ["A"]),
            (
                "for v in function(_, v) if not v then return wait('i') end end do s = (s or '') .. v end return s",
                ["I"]
            ),
            ("do local x <close> = setmetatable({}, { __close = function() y = wait('c') end }) end return y", ["C"]),
            (
                """
                local c = coroutine.wrap(function(a)
                    local d = coroutine.yield(a .. wait('w'))
                    return d .. wait('z')
                end)
                return c('1'), c('2')
                """,
                ["1W", "2Z"]
            ),
        ] as [(String, [LuaValue])])
    func waitsPassThrough(source: String, expected: [LuaValue]) throws {
        #expect(try drive(try state(), source).values == expected)
    }

    @Test(arguments: [
        "table.sort({ 1, 2, 3 }, function(a, b) wait('x') return a < b end)",
        "string.gsub('abc', '.', function() wait('x') end)",
        "load(function() wait('x') end)",
        "tostring(setmetatable({}, { __tostring = function() wait('x') end }))",
    ])
    func waitsWhereNothingCanBeSuspendedAreErrors(source: String) throws {
        let state = try state()
        let error = #expect(throws: LuaError.self) { _ = try drive(state, "local r, e = \(source) error(e, 0)") }
        #expect(error?.message.contains("wait: cannot wait here") == true, "\(error?.message ?? "")")
    }

    @Test func aCallCannotWait() throws {
        let state = try state()
        let error = #expect(throws: LuaError.self) { try state.evaluate("wait()", name: "s") }
        #expect(error?.message.hasPrefix("s:1: wait: cannot wait here") == true)
        let wrapped = #expect(throws: LuaError.self) { try state.evaluate("coroutine.wrap(wait)()", name: "s") }
        #expect(wrapped?.message.contains("wait: cannot wait here") == true)
    }

    @Test func aWaitingCoroutineIsOutOfReachForOthers() throws {
        let state = try state()
        let first = try state.makeCoroutine(
            try state.load(
                """
                main = coroutine.running()
                inner = coroutine.create(function() return wait('a') end)
                return coroutine.resume(inner)
                """, name: "first"))
        guard case .suspended = try first.resume() else { return #expect(Bool(false)) }
        let second = try state.evaluate(
            """
            local results = { coroutine.status(inner), coroutine.status(main) }
            for _, co in ipairs({ inner, main }) do
                results[#results + 1] = select(2, coroutine.resume(co, 'stolen'))
                results[#results + 1] = pcall(coroutine.close, co)
            end
            return table.unpack(results)
            """)
        let refusal: LuaValue = "cannot resume a coroutine that waits for the host"
        #expect(second == ["normal", "normal", refusal, false, refusal, false])
        guard case .finished(let values) = try first.resume(with: ["rightful"]) else { return #expect(Bool(false)) }
        #expect(values == [true, "rightful"])
        #expect(try state.evaluate("return coroutine.status(inner), coroutine.resume(main)").first == "dead")
    }

    @Test func coroutinesTakeTurns() throws {
        let state = try state()
        let source = try state.load("local n = ... for i = 1, 3 do log = (log or '') .. n wait() end", name: "s")
        let coroutines = try (0..<3).map { _ in try state.makeCoroutine(source) }
        for (index, coroutine) in coroutines.enumerated() { _ = try coroutine.resume(with: [.integer(Int64(index))]) }
        for _ in 0..<3 { for coroutine in coroutines { _ = try coroutine.resume() } }
        #expect(try state.global("log") == "012012012")
        #expect(coroutines.allSatisfy { $0.isFinished })
        #expect(throws: LuaError.self) { try coroutines[0].resume() }
    }

    @Test func closingRunsPendingClosers() throws {
        let state = try state()
        let coroutine = try state.makeCoroutine(
            try state.load(
                "local x <close> = setmetatable({}, { __close = function() closed = true end }) wait()", name: "s"))
        _ = try coroutine.resume()
        coroutine.close()
        #expect(try state.global("closed") == true)
        #expect(coroutine.isFinished)
        coroutine.close()
        #expect(throws: LuaError.self) { try coroutine.resume() }
    }

    @Test func anErrorRunsPendingClosers() throws {
        let state = try state()
        let error = #expect(throws: LuaError.self) {
            _ = try drive(
                state, "local x <close> = setmetatable({}, { __close = function() closed = true end })\nerror('out')")
        }
        #expect(error?.message == "s.lua:2: out")
        #expect(error?.line == 2)
        #expect(error?.traceback.contains("s.lua:2: in ") == true, "\(error?.traceback ?? "")")
        #expect(try state.global("closed") == true)
    }

    @Test func anErrorOfAPendingCloserTakesTheErrorsPlace() throws {
        let state = try state()
        let source = """
            local x <close> = setmetatable({}, { __close = function(_, e) error('then ' .. e, 0) end })
            error('out', 0)
            """
        let error = #expect(throws: LuaError.self) { _ = try drive(state, source) }
        #expect(error?.message == "then out")
        #expect(state.stackDepth == 0)
    }

    @Test func aFlagStopsOneCoroutineOnly() throws {
        let state = try state()
        let loop = try state.load("while true do pcall(wait) end", name: "s")
        let first = try state.makeCoroutine(loop)
        let second = try state.makeCoroutine(loop)
        _ = try first.resume()
        _ = try second.resume()
        first.stopFlag.stop()
        let error = #expect(throws: LuaError.self) { try first.resume() }
        #expect(error?.kind == .killed)
        guard case .suspended = try second.resume() else { return #expect(Bool(false)) }
    }

    @Test func anUncaughtFailureOfAWaitComesBackWithItsCause() throws {
        let state = try state()
        let coroutine = try state.makeCoroutine(try state.load("\nwait()", name: "s"))
        _ = try coroutine.resume()
        let error = #expect(throws: LuaError.self) { try coroutine.resume(throwing: CancellationError()) }
        #expect(error?.kind == .host)
        #expect(error?.cause is CancellationError)
        #expect(error?.message == "s:2: CancellationError()")
    }

    @Test func resumingFromAHostFunctionIsRefused() throws {
        let state = try state()
        let coroutine = try state.makeCoroutine(try state.load("return 1", name: "s"))
        defer { state.close() }
        try state.register("resume") { _ in
            _ = try coroutine.resume()
            return 0
        }
        #expect(throws: LuaError.self) { try state.evaluate("resume()") }
        guard case .finished = try coroutine.resume() else { return #expect(Bool(false)) }
    }

    @Test func aClosedStateEndsItsCoroutines() throws {
        let state = try state()
        let coroutine = try state.makeCoroutine(try state.load("wait()", name: "s"))
        _ = try coroutine.resume()
        state.close()
        let error = #expect(throws: LuaError.self) { try coroutine.resume() }
        #expect(error?.kind == .closed)
        coroutine.close()
    }

    @Test func cancellingTheTaskKillsTheScript() async throws {
        let thread = LuaThread(name: "cancel")
        let waiting = AsyncStream.makeStream(of: Void.self)
        let state = try await LuaConfined(on: thread) {
            let state = try LuaState(limits: .none)
            try state.register("wait") { _ in .yield(0) }
            return state
        }
        let task = Task {
            try await state.drive({ try $0.load("while true do pcall(wait) end", name: "s") }) { _ in
                waiting.continuation.yield()
                try await Task.sleep(for: .seconds(60))
                return []
            }
        }
        for await _ in waiting.stream { break }
        task.cancel()
        let error = await #expect(throws: LuaError.self) { try await task.value }
        #expect(error?.kind == .killed)
        await thread.stop()
    }
}
