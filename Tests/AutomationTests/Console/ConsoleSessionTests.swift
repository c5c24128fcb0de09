// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import LuaRuntime
import ProxyModel
import Synchronization
import TestSupport
import Testing

@testable import Automation

struct ConsoleSessionTests {
    /// A session at a core with the inbound "in" and the user a@x.
    private final class Bench: Sendable {
        let bench: ScriptBench
        let automation: Automation
        let session: ConsoleSession
        private let printed: LineBox

        init(_ mode: ConsoleMode = .full, limits: ScriptLimits = ScriptLimits()) async throws {
            let bench = try ScriptBench()
            let user = try CoreDouble.vlessUser("a@x", id: "27848739-7e62-4138-9fd3-098a63964b6b")
            bench.core.addInbound(tag: "in", protocolType: "xray.proxy.vless.inbound.Config", users: [user])
            bench.core.setTraffic("a@x", up: 3, down: 4)
            let printed = LineBox()
            automation = try await bench.start { $0.consoleLimits = limits }
            session = try await automation.openConsole(
                caller: .session(user: "ann", process: 7), mode: mode
            ) { line in printed.lines.withLock { $0.append(line) } }
            self.bench = bench
            self.printed = printed
        }

        var lines: [ConsoleLine] { printed.lines.withLock { $0 } }

        func values(_ source: String) async throws -> [LuaValue] {
            switch await session.evaluate(source) {
            case .values(let values): return values
            case .failed(let kind, let message, _): throw AutomationError(.script, "\(kind): \(message)")
            }
        }

        func failure(_ source: String) async -> (kind: ConsoleOutcome.Failure, message: String)? {
            guard case .failed(let kind, let message, _) = await session.evaluate(source) else { return nil }
            return (kind, message)
        }

        func end() async { await automation.stop(grace: .zero) }
    }

    private final class LineBox: Sendable {
        let lines = Mutex<[ConsoleLine]>([])
    }

    @Test func expressionsGiveTheirValuesAndStatementsNone() async throws {
        let bench = try await Bench()
        #expect(try await bench.values("1 + 1, 'x'") == [2, "x"])
        #expect(try await bench.values("= 7") == [7])
        #expect(try await bench.values("x = 5") == [])
        #expect(try await bench.values("return x") == [5])
        #expect(try await bench.values("users.traffic('a@x').total") == [7])
        await bench.end()
    }

    @Test func filesAreReadAsFilesAndLinesAsTheyAre() async throws {
        let bench = try await Bench()
        guard case .values = await bench.session.evaluate("#!/usr/bin/lua\nx = { 1, 2 }", name: "x.lua") else {
            return #expect(Bool(false), "a file may begin so")
        }
        #expect(try await bench.values("#x") == [2])
        #expect(await bench.failure("#!/usr/bin/lua")?.kind == .syntax(incomplete: false))
        await bench.end()
    }

    @Test func aCallThatWaitsIsWaitedFor() async throws {
        let bench = try await Bench()
        #expect(try await bench.values("#users.list('in')") == [1])
        async let value = bench.values("(function() print('in') sleep('5s') return 'late' end)()")
        try await eventually { !bench.lines.isEmpty }
        await bench.automation.quiet()
        await bench.bench.clock.advance(by: .seconds(5)) { await bench.automation.quiet() }
        #expect(try await value == ["late"])
        await bench.end()
    }

    @Test(arguments: ["for i = 1, 3 do", "f(", "x = {", "1 +", "function f()", "x = [[", "if x then"])
    func unfinishedInputIsKnown(source: String) async throws {
        let bench = try await Bench()
        #expect(await bench.failure(source)?.kind == .syntax(incomplete: true))
        await bench.end()
    }

    @Test(arguments: ["x = = 1", "for", "\"open", "end", ")"])
    func nonsenseIsNotUnfinished(source: String) async throws {
        let bench = try await Bench()
        let failure = await bench.failure(source)
        #expect(failure?.kind == .syntax(incomplete: source == "for"), "\(String(describing: failure))")
        await bench.end()
    }

    @Test func anErrorHasItsLineAndTraceback() async throws {
        let bench = try await Bench()
        guard case .failed(.failed, let message, let traceback) = await bench.session.evaluate("\nerror('boom')") else {
            Issue.record("it did not fail")
            return
        }
        #expect(message == "console:2: boom")
        #expect(traceback.contains("console:2"))
        #expect(try await bench.values("'still here'") == ["still here"])
        await bench.end()
    }

    @Test func aLoopWithoutEndIsInterruptedAndTheSessionGoesOn() async throws {
        let bench = try await Bench(limits: .init(instructions: .max, burst: .seconds(3600)))
        async let outcome = bench.failure("print('in') while true do pcall(function() while true do end end) end")
        try await eventually { !bench.lines.isEmpty }
        bench.session.interrupt()
        #expect(await outcome?.kind == .interrupted)
        #expect(try await bench.values("1") == [1])
        await bench.end()
    }

    @Test func aSleepIsInterrupted() async throws {
        let bench = try await Bench()
        async let outcome = bench.failure("print('in') sleep('1h')")
        try await eventually { !bench.lines.isEmpty }
        bench.session.interrupt()
        #expect(await outcome?.kind == .interrupted)
        await bench.end()
    }

    @Test func limitsAreThoseOfScripts() async throws {
        let bench = try await Bench(limits: .init(memory: 8 << 20, instructions: 100_000))
        #expect(await bench.failure("while true do end")?.kind == .limit)
        #expect(await bench.failure("t = {} for i = 1, 1e9 do t[i] = ('x'):rep(100000) .. i end")?.kind == .limit)
        #expect(await bench.failure("io.open('/etc/passwd')")?.kind == .failed)
        await bench.end()
    }

    @Test func sessionsDoNotSeeEachOther() async throws {
        let bench = try await Bench()
        _ = try await bench.values("secret = 1")
        let other = try await bench.automation.openConsole(caller: .console) { _ in }
        guard case .values([.nil]) = await other.evaluate("secret") else {
            Issue.record("the other session's global is seen")
            return
        }
        await bench.end()
    }

    @Test func changesAreMadeInTheNameOfTheCaller() async throws {
        let bench = try await Bench()
        #expect(try await bench.values("users.remove('in', 'a@x')") == [true])
        #expect(bench.bench.core.state.withLock { $0.callers } == [.session(user: "ann", process: 7)])
        await bench.end()
    }

    @Test(arguments: [
        (
            "handler.AlterInbound{ tag = 'in', operation = { _type = 'xray.app.proxyman.command.RemoveUserOperation', email = 'a@x' } }",
            "handler.AlterInbound"
        ),
        ("users.remove('in', 'a@x')", "handler.AlterInbound"),
        ("stats.get('user>>>a@x>>>traffic>>>uplink', { reset = true })", "stats.GetStats"),
        ("stats.query('user', { reset = true })", "stats.QueryStats"), ("flows.close{}", "flows.close"),
        ("store.set('k', 1)", "store.set"), ("store.incr('k')", "store.incr"), ("store.delete('k')", "store.delete"),
        ("store.transaction(function() store.set('k', 1) end)", "store.set"),
    ])
    func aReadOnlySessionRefusesChangesByName(source: String, name: String) async throws {
        let bench = try await Bench(.readOnly)
        let failure = await bench.failure(source)
        #expect(
            failure?.message.contains("\(name): refused, this session is read-only") == true,
            "\(String(describing: failure))")
        #expect(bench.bench.core.emails("in") == ["a@x"])
        #expect(try await bench.values("users.traffic('a@x').total, #users.list('in')") == [7, 1])
        await bench.end()
    }

    @Test func whatIsPrintedAndLoggedIsShown() async throws {
        let bench = try await Bench()
        _ = try await bench.values("print('a', 1) log.warning('careful')")
        #expect(bench.lines == [ConsoleLine(level: nil, text: "a\t1"), ConsoleLine(level: .warning, text: "careful")])
        #expect(bench.bench.core.log.last == "[Warning] script/console: careful")
        await bench.end()
    }

    @Test func resultsAreCutOffWhereACopyWouldBeRefused() async throws {
        let bench = try await Bench()
        let globals = try #require(try await bench.values("_G").first?.table)
        #expect(globals["_G"] == .other("cycle"))
        #expect(globals["users"].table?["add"].typeName == "function", "a read-only table shows what is behind it")
        let long = try await bench.values("(function() local t = {} for i = 1, 100000 do t[i] = i end return t end)()")
        #expect(long.first?.table?.array.last == .other("…"))
        let deep = try await bench.values("(function() local t = 1 for i = 1, 100 do t = { t } end return t end)()")
        #expect(deep.first?.table != nil)
        await bench.end()
    }

    @Test func schedulesOfASessionEndWithIt() async throws {
        let bench = try await Bench()
        _ = try await bench.values("every('1s', function() print('tick') end)")
        await bench.bench.pass(.seconds(2), bench.automation)
        #expect(bench.lines.count == 2)
        await bench.session.close()
        await bench.bench.pass(.seconds(2), bench.automation)
        #expect(bench.lines.count == 2)
        #expect(await bench.failure("1")?.kind == .failed, "a closed session takes no more")
        await bench.end()
    }

    @Test(
        arguments: [
            ("us", ["users"], 2), ("users.re", ["remove("], 2), ("users.get('in', 'a", ["a@x"], 1),
            ("users.list('", ["in"], 0), ("stats.get('user>>>", ["user>>>a@x>>>"], 7), ("retur", ["return"], 5),
            ("stats.QueryStats{ pat", ["pattern = "], 3), ("mine.sec", ["secret"], 3), ("no.such.thing", [], 5),
            ("users.traffic('", ["a@x"], 0), ("flows.close{ em", ["email = "], 2),
            ("flows.close{ email = 'a", ["a@x"], 1),
        ] as [(String, [String], Int)])
    func namesAndDataAreCompleted(text: String, candidates: [String], replaced: Int) async throws {
        let bench = try await Bench()
        _ = try await bench.values("mine = { secret = 1 }")
        let completion = await bench.session.complete(text)
        #expect(completion.candidates == candidates && completion.replaced == replaced)
        await bench.end()
    }

    @Test func stoppingTheAutomationEndsSessions() async throws {
        let bench = try await Bench()
        async let outcome = bench.failure("print('in') sleep('1h')")
        try await eventually { !bench.lines.isEmpty }
        await bench.end()
        #expect(await outcome != nil)
        await #expect(throws: AutomationError.self) {
            _ = try await bench.automation.openConsole(caller: .console) { _ in }
        }
    }
}

extension ScriptLimits {
    fileprivate init(memory: Int = 64 << 20, instructions: UInt64 = 100_000_000, burst: Duration = .seconds(10)) {
        self.init()
        self.memory = memory
        self.instructions = instructions
        self.burst = burst
    }
}
