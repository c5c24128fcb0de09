// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Automation

/// What a run used, what stops it, and what it starts.
struct RunAccountTests {
    private static func lines(_ bench: ScriptBench) -> [String] {
        bench.core.log.filter { $0.hasPrefix("[Info]") && !$0.contains("loaded, ") }
            .map { $0.replacing("[Info] script/chunk: ", with: "") }
    }

    @Test func theHistoryTellsWhatARunUsed() async throws {
        let bench = try ScriptBench()
        let automation = try await bench.start(
            bench.write(
                "chunk",
                """
                every("1s", function()
                    local text = ("x"):rep(100000)
                    log.info("one")
                    print("two")
                    for _ = 1, 10 do stats.get("none") end
                    sleep("100ms")
                    users.traffic("a")
                    error("three")
                end, { name = "job" })
                """))
        await bench.pass(.milliseconds(1500), automation)
        let record = try #require(try automation.history(script: "chunk").first)
        #expect(record.schedule == "job" && record.outcome == .failed)
        #expect(record.lines == ["[Info] one", "[Info] two"])
        #expect(record.calls == 11)
        #expect(record.memory > 100_000)
        #expect(record.cpu > .zero)
        #expect(record.error == "chunk.lua:8: three")
        #expect(record.traceback.contains("stack traceback"))
        await automation.stop()
    }

    @Test func callsAreLimitedAndTheLimitCannotBeCaught() async throws {
        let bench = try ScriptBench()
        var script = try bench.write(
            "chunk",
            """
            after("0s", function()
                while true do pcall(stats.get, "x") end
            end)
            """)
        script.limits.calls = 50
        let automation = try await bench.start(script)
        await bench.pass(.seconds(1), automation)
        let record = try #require(try automation.history(script: "chunk").first)
        #expect(record.outcome == .killed)
        #expect(record.error.hasSuffix("limit of 50 calls reached"))
        await automation.stop()
    }

    @Test func aWholeRunMayBeLimitedInTime() async throws {
        let bench = try ScriptBench()
        var script = try bench.write("chunk", "after('0s', function() while true do sleep('1s') end end)")
        script.limits.total = .seconds(5)
        let automation = try await bench.start(script)
        await bench.pass(.seconds(10), automation)
        let record = try #require(try automation.history(script: "chunk").first)
        #expect(record.outcome == .killed)
        #expect(record.error == "time limit of 5s for a whole run reached")
        await automation.stop()
    }

    @Test func aRunCanBeKilledFromOutsideAlsoInALoop() async throws {
        let bench = try ScriptBench()
        var script = try bench.write(
            "chunk",
            """
            every("1s", function() while true do pcall(function() while true do end end) end end, { name = "loop" })
            every("10s", function() log.info("goes on") end)
            """)
        script.limits.instructions = .max
        script.limits.burst = .seconds(600)
        let automation = try await bench.start(script)
        let passing = Task { await bench.pass(.seconds(1), automation) }
        while try await automation.kill("chunk") == 0 { await Task.yield() }
        await passing.value
        await automation.quiet()
        let record = try #require(try automation.history(script: "chunk").first)
        #expect(record.outcome == .killed && record.error.hasSuffix("killed from outside"))
        #expect(await automation.status(of: "chunk")?.phase == .running)
        await automation.stop()
    }

    @Test func aWaitingRunCanBeKilledByItsNumber() async throws {
        let bench = try ScriptBench()
        let automation = try await bench.start(
            bench.write(
                "chunk",
                """
                after("0s", function() sleep("1h") end, { name = "a" })
                after("0s", function() events.wait("user.added") end, { name = "b" })
                """))
        await bench.pass(.seconds(1), automation)
        let runs = try #require(await automation.status(of: "chunk")?.runs)
        #expect(runs.map(\.name) == ["a", "b"])
        #expect(runs.allSatisfy { !$0.isAtWork })
        #expect(try await automation.kill("chunk", run: runs[1].id) == 1)
        await automation.quiet()
        #expect(await automation.status(of: "chunk")?.runs.map(\.name) == ["a"])
        await #expect(throws: AutomationError.self) { try await automation.kill("other") }
        await automation.stop()
    }

    @Test func spawnedRunsGoOnBesideTheirMaker() async throws {
        let bench = try ScriptBench()
        let automation = try await bench.start(
            bench.write(
                "chunk",
                """
                after("0s", function()
                    local function work(name, time) sleep(time) log.info(name) if name == "bad" then error("no") end end
                    local slow, bad = spawn(work, "slow", "2s"), spawn(work, "bad", "1s")
                    local gone = spawn(work, "gone", "1h")
                    log.info(slow:status())
                    log.info("wait", slow:wait(), bad:wait())
                    gone:cancel()
                    log.info("gone", gone:wait())
                    log.info(slow:status(), bad:status(), gone:status())
                end)
                """))
        await bench.pass(.seconds(3), automation)
        #expect(
            Self.lines(bench) == [
                "running", "bad", "slow", "wait true nil chunk.lua:2: no", "gone nil cancelled", "ok failed killed",
            ])
        await automation.stop()
    }

    @Test func aChangedModuleLoadsTheScriptAnew() async throws {
        let bench = try ScriptBench()
        try bench.write("words", "return { hello = 'one' }")
        let script = try bench.write(
            "chunk", "local w = require('words') every('1s', function() log.info(w.hello) end)")
        let automation = try await bench.start(script)
        await bench.pass(.seconds(2), automation)
        try bench.write("words", "return { hello = 'number two' }")
        await bench.pass(.seconds(4), automation)
        #expect(Self.lines(bench).first == "one")
        #expect(Self.lines(bench).last == "number two")
        // A module that does not compile leaves the old version at work, and is not tried again until it changes.
        try bench.write("words", "return {{")
        await bench.pass(.seconds(4), automation)
        #expect(Self.lines(bench).last == "number two")
        #expect(bench.core.log.filter { $0.contains("the version before goes on") }.count == 1)
        try bench.write("words", "return { hello = 'three' }")
        await bench.pass(.seconds(4), automation)
        #expect(Self.lines(bench).last == "three")
        await automation.stop()
    }
}
