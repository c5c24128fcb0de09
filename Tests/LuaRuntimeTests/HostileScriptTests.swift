// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LuaRuntime

/// Scripts that want to run for ever, take all memory or break out. Each has to come back within a bounded time.
struct HostileScriptTests {
    private static let limits = LuaLimits(memory: 16 << 20, instructions: nil, burst: .milliseconds(50))

    /// Runs the source once as a call and once as a coroutine, in states of their own.
    private func errors(of source: String, limits: LuaLimits = Self.limits) throws -> [LuaError?] {
        [try error(of: source, false, limits), try error(of: source, true, limits)]
    }

    private func error(of source: String, _ asCoroutine: Bool, _ limits: LuaLimits) throws -> LuaError? {
        let state = try LuaState(limits: limits)
        try state.register("blank") { call in
            call.push(" ")
            return 1
        }
        try state.register("nothing.at.all") { call in
            call.push("")
            return 1
        }
        let start = ContinuousClock.now
        var failure: LuaError?
        do {
            let function = try state.load(source, name: "hostile.lua")
            if asCoroutine {
                _ = try state.makeCoroutine(function).resume()
            } else {
                _ = try state.call(function)
            }
        } catch {
            failure = error
        }
        #expect(ContinuousClock.now - start < .seconds(8), "\(source)")
        #expect(state.stackDepth == 0)
        let next = try state.evaluate("return 1")
        #expect(next == [1], "the state goes on after \(source)")
        return failure
    }

    @Test(arguments: [
        "while true do end",
        "::a:: goto a",
        "local function f() while true do end end while true do pcall(f) end",
        "while true do pcall(error) end",
        "while true do pcall(pcall, error, 'x') end",
        "coroutine.wrap(function() while true do end end)()",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
        "while true do coroutine.wrap(function() pcall(function() while true do end end) end)() end",
        "while true do coroutine.wrap(pcall)(error) end",
        "for _ in coroutine.wrap(function() while true do coroutine.yield(1) end end) do end",
        "xpcall(function() while true do end end, function() while true do end end)",
        "xpcall(error, function() while true do end end)",
        "while true do xpcall(error, function() error('again') end) end",
        "while true do xpcall(error, xpcall, error) end",
        "local x <close> = setmetatable({}, { __close = function() while true do end end }) while true do end",
        "local x <close> = setmetatable({}, { __close = function() while true do end end })",
        """
        local co = coroutine.create(function()
            local x <close> = setmetatable({}, { __close = function() while true do end end })
            while true do end
        end)
        pcall(coroutine.resume, co)
        coroutine.close(co)
        """,
        """
        coroutine.wrap(function()
            local x <close> = setmetatable({}, { __close = function() while true do end end })
            error('x')
        end)()
        """,
        "return (('a'):rep(40)):match(('a?'):rep(40) .. ('a'):rep(40))",
        "return (('a'):rep(1000000)):find('.-b')",
        "return (('a'):rep(1000000)):gsub('a*a*a*b', '')",
        "for _ in (('a'):rep(1000000)):gmatch('.-.-b') do end",
        "return ((('('):rep(1000000))):find('%b()')",
        "table.move({}, 1, math.maxinteger - 1, 2)",
        "table.insert(setmetatable({}, { __len = function() return 1 << 62 end }), 1, 'x')",
        "table.remove(setmetatable({}, { __len = function() return 1 << 62 end }), 1)",
        "table.concat(setmetatable({}, { __index = table.concat }), '', 1, math.maxinteger)",
        "table.concat(setmetatable({}, { __index = nothing.at.all }), '', 1, math.maxinteger)",
        "table.sort(setmetatable({}, { __len = function() return (1 << 31) - 2 end }), rawequal)",
        "table.sort({1, 2, 3}, function() while true do end end)",
        """
        local a, b, t = ("x"):rep(4 << 20), ("x"):rep(4 << 20), {}
        for i = 1, 4096 do t[i] = i % 2 == 0 and a or b end
        table.sort(t)
        """,
        "load(function() return ' ' end)",
        "load(blank)",
        "while true do load('x = 1') end",
        "while true do local s = ('x'):rep(4 << 20) end",
        "local s = ('x'):rep(4 << 20) while true do local t = s .. 'y' end",
        "while true do blank() end",
        "while true do pcall(blank) end",
        "for _ in ipairs(setmetatable({}, { __index = function() return 1 end })) do end",
        "error(setmetatable({}, { __tostring = function() while true do end end }))",
        "print(setmetatable({}, { __tostring = function() while true do end end }))",
        "return string.format('%s', setmetatable({}, { __tostring = function() while true do end end }))",
        "return ('x'):rep(100):gsub('.', function() while true do end end)",
        "local t = setmetatable({}, { __index = function(t, k) while true do end end }) return t.x",
        "local s = ('x'):rep(1 << 20) while true do s:upper():lower():reverse() end",
        "local s = ('x'):rep(1 << 20) while true do utf8.len(s) end",
        "local s = ('1'):rep(1 << 20) while true do tonumber(s) end",
        "local s = ('1'):rep(1 << 20) while true do local _ = s + 1 end",
        "local s = ('1'):rep(1 << 20) while true do math.floor(s) end",
        "local s = ('1'):rep(1 << 20) while true do pcall(select, s) end",
    ])
    func endlessLoopsMeetTheDeadline(source: String) throws {
        for error in try errors(of: source) {
            #expect(error?.kind == .deadline, "\(source): \(error.map { "\($0.kind) \($0)" } ?? "no error")")
        }
    }

    @Test(arguments: [
        "return string.rep('x', 10000000000)",
        "return string.rep('x', math.maxinteger // 4)",
        "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end",
        "local s = 'x' while true do s = s .. s end",
        "local t = {} for i = 1, math.huge do t[i] = i end",
        "local function f() return f() + 1 end f()",
        "local t = {} for i = 1, math.huge do t[i] = coroutine.create(print) end",
        "local t = {} for i = 1, math.huge do t[i] = function() return t, i end end",
        "return assert(load(function() return ('x'):rep(1 << 20) end))",
        "return table.concat(setmetatable({}, { __index = tostring }), '', 1, math.maxinteger)",
        "local t = {} for i = 1, 900000 do t[i] = i end return { table.unpack(t) }, { table.unpack(t) }",
    ])
    func greedMeetsTheMemoryLimit(source: String) throws {
        for error in try errors(of: source) {
            // `load` hands an error of its reader and of the parser on as a value.
            let told = ["too large", "not enough memory"].contains { error?.message.contains($0) == true }
            #expect(
                error?.kind == .memory || error?.kind == .deadline || told,
                "\(source): \(error.map { "\($0.kind) \($0)" } ?? "no error")")
        }
    }

    @Test(arguments: [
        ("local function f() return 1 + select(2, assert(pcall(f))) end f()", "stack overflow"),
        ("local function f() coroutine.wrap(f)() end f()", "C stack overflow"),
        (
            "local t = setmetatable({}, { __tostring = function(t) return tostring(t) end }) tostring(t)",
            "stack overflow"
        ),
        ("local t = {} setmetatable(t, { __index = t }) return t.x", "loop"),
        ("setmetatable({}, { __gc = function() while true do end end })", "'__gc' is not available"),
        ("assert(load(('('):rep(100000)))", "overflow"),
        ("return string.format('%99999d', 1)", "invalid conversion"),
        ("return table.unpack({}, 1, 100000000)", "too many results"),
        ("return string.byte(('x'):rep(10000000), 1, -1)", "string slice too long"),
        ("return ('x'):rep(300):match(('(x'):rep(40))", "too many captures"),
        ("return os.date(('%c'):rep(1000000))", "the format is too long"),
        (
            """
            local list, long = {}, ('x'):rep(1 << 22)
            for i = 1, 200000 do list[i] = long end
            return string.format(('%.0s'):rep(200000), table.unpack(list))
            """, "string arguments too long"
        ),
        ("return ('x'):rep(300):match(('x?'):rep(300))", "pattern too complex"),
        ("return load('\\27Lua')()", "attempt to call a nil value"),
        ("return assert(load('\\27LuaS'))", "attempt to load a binary chunk"),
        ("return string.dump(print)", "attempt to call a nil value (field 'dump')"),
        ("return io.open('/etc/passwd')", "global 'io'"),
        ("return os.execute('true')", "field 'execute'"),
        ("return debug.getregistry()", "global 'debug'"),
        ("return package.loaded", "global 'package'"),
        ("return dofile('/etc/passwd')", "global 'dofile'"),
        ("collectgarbage('stop')", "only 'count'"),
        ("collectgarbage()", "only 'count'"),
        ("getmetatable('').__index = nil", "attempt to index a boolean value"),
        ("nothing.at.all = 1", "nothing.at is read-only: cannot assign 'all'"),
        ("nothing.at = 1", "nothing is read-only: cannot assign 'at'"),
        ("rawset(nothing, 'at', 1)", "the table is read-only"),
        ("setmetatable(nothing, nil)", "cannot change a protected metatable"),
        ("table.insert(nothing, 1)", "nothing is read-only"),
        ("coroutine.yield()", "outside a coroutine"),
        ("error()", "nil"),
        ("error(nil)", "nil"),
        ("error({})", "(error object is a table value)"),
        ("error(print)", "(error object is a function value)"),
        ("error(setmetatable({}, { __tostring = function() return 'described' end }))", "described"),
        ("error(setmetatable({}, { __tostring = function() error('x') end }))", "(error object is a table value)"),
        ("error(setmetatable({}, { __tostring = function() return {} end }))", "(error object is a table value)"),
        ("error('plain', 0)", "plain"),
    ])
    func misuseIsAnError(source: String, message: String) throws {
        for error in try errors(of: source, limits: LuaLimits(memory: 64 << 20)) {
            #expect(error?.kind == .runtime, "\(source)")
            #expect(error?.message.contains(message) == true, "\(source): \(error?.message ?? "no error")")
        }
    }

    @Test(arguments: [
        """
        local t = {}
        for i = 1, 10000 do t[i] = coroutine.create(function() coroutine.yield(i) end) end
        for i = 1, 10000 do assert(coroutine.resume(t[i])) end
        """,
        "assert(string.rep('', 1 << 62) == '' and string.rep('x', -1) == '')",
        "local function f(n) local ok, e = pcall(f, n + 1) return ok, e end f(1)",
        "for i = 1, 100 do pcall(string.rep, 'x', 1 << 40) end",
        "assert(select('#', table.unpack({}, 1, 200000)) == 200000)",
        "local mt = {} local t = setmetatable({}, mt) mt.__gc = function() while true do end end t = nil",
    ])
    func muchIsNotTooMuch(source: String) throws {
        for error in try errors(of: source, limits: LuaLimits()) {
            #expect(error == nil, "\(source): \(error?.message ?? "")")
        }
    }

    @Test func closingsInsideEachOtherDoNotOverflowTheStack() throws {
        for error in try errors(
            of: """
                local list = {}
                for i = 1, 20000 do
                    list[i] = coroutine.create(function()
                        local x <close> = setmetatable({}, { __close = function()
                            if list[i + 1] then assert(coroutine.close(list[i + 1])) end
                        end })
                        coroutine.yield()
                    end)
                    coroutine.resume(list[i])
                end
                assert(coroutine.close(list[1]))
                """, limits: LuaLimits())
        {
            #expect(
                error?.message.contains("C stack overflow") == true || error?.kind == .memory,
                "\(String(describing: error))")
        }
    }

    @Test func theInstructionBudgetEndsALoop() throws {
        let state = try LuaState(limits: LuaLimits(instructions: 10_000, burst: nil))
        let error = #expect(throws: LuaError.self) {
            try state.evaluate("while true do pcall(function() while true do end end) end", name: "loop.lua")
        }
        #expect(error?.kind == .instructionLimit)
        #expect(error?.message == "loop.lua:1: instruction limit reached")
        #expect(error?.traceback.contains("loop.lua:1: in main chunk") == true)
        #expect((10_000...11_000).contains(state.instructionsUsed))
        #expect(try state.evaluate("return 1") == [1])
        #expect(state.instructionsUsed < 100)
    }

    @Test func aCoroutineHasOneBudgetForItsLife() throws {
        let state = try LuaState(limits: LuaLimits(instructions: 20_000, burst: nil))
        try state.register("rest") { _ in .yield(0) }
        let coroutine = try state.makeCoroutine(
            try state.load("while true do for i = 1, 1000 do end rest() end", name: "c"))
        var bursts = 0
        let error = #expect(throws: LuaError.self) {
            while true {
                _ = try coroutine.resume()
                bursts += 1
            }
        }
        #expect(error?.kind == .instructionLimit)
        #expect((5...25).contains(bursts))
    }

    @Test func aStopFlagEndsALoopFromAnotherThread() async throws {
        let flag = LuaStopFlag()
        let thread = LuaThread(name: "stopped")
        let state = try await LuaConfined(on: thread) {
            let state = try LuaState(limits: .none, stopFlag: flag)
            try state.register("ready") { _ in
                Task.detached { flag.stop() }
                return 0
            }
            return state
        }
        let source = "ready() while true do pcall(function() while true do end end) end"
        let error = await #expect(throws: LuaError.self) {
            try await state.perform { _ = try $0.evaluate(source, name: "s.lua") }
        }
        #expect(error?.kind == .killed)
        let again = await #expect(throws: LuaError.self) {
            try await state.perform { _ = try $0.evaluate("while true do end", name: "s.lua") }
        }
        #expect(again?.kind == .killed)
        flag.clear()
        #expect(try await state.perform { try $0.evaluate("return 1") } == [1])
        await thread.stop()
    }
}
