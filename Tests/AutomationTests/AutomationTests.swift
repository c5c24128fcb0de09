// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization
import Testing

@testable import Automation

struct AutomationTests {
    @Test func schedulesRunAtTheirTimes() async throws {
        let bench = try ScriptBench()
        let script = try bench.write(
            "tick",
            """
            every("2s", function(run) log.info(run.name, time.now() - 1767225600) end, { name = "pulse" })
            cron("*/5 * * * * *", function() log.info("five") end)
            cron("@every 1h", function() end)
            after("3s", function() log.info("once") end)
            """)
        let automation = try await bench.start(script)
        await bench.pass(.seconds(6), automation)
        #expect(
            bench.core.log == [
                "[Info] script/tick: loaded, 4 schedules", "[Info] script/tick: pulse 2.0", "[Info] script/tick: once",
                "[Info] script/tick: pulse 4.0", "[Info] script/tick: five", "[Info] script/tick: pulse 6.0",
            ])
        let status = try #require(await automation.status(of: "tick"))
        #expect(status.phase == .running)
        #expect(status.schedules.map(\.runs) == [3, 1, 0])
        #expect(status.schedules.first?.next == bench.clock.wall + 2)
        #expect(status.memory > 0)
        let history = try automation.history(script: "tick")
        #expect(history.count == 5)
        #expect(history.allSatisfy { $0.outcome == .ok })
        await automation.stop()
        #expect(await automation.status(of: "tick")?.phase == .stopped)
    }

    @Test func filesMayBeginWithAMarkOrALineForTheShell() async throws {
        let bench = try ScriptBench()
        let marked = try bench.write("marked", "\u{feff}log.info('marked', require('module'))")
        let shell = try bench.write(
            "shell", "#!/usr/bin/lua\nlog.info('line', select(2, pcall(error, 'x', 0)))\nerror('here')")
        try bench.write("module", "\u{feff}#!lua\nreturn 'as well'")
        let automation = try await bench.start(marked, shell)
        #expect(bench.core.log.contains("[Info] script/marked: marked as well"))
        #expect(bench.core.log.contains { $0.contains("shell.lua:3: here") }, "lines keep their numbers")
        await automation.stop()
    }

    @Test func aFolderIsNoScript() async throws {
        let bench = try ScriptBench()
        let automation = try await bench.start(AutomationSettings.Script(name: "folder", path: bench.folder.path))
        #expect(bench.core.log.contains { $0.hasSuffix("a file is needed, and this is a folder") }, "\(bench.core.log)")
        await automation.stop()
    }

    @Test func sleepSuspendsTheRunAndNothingElse() async throws {
        let bench = try ScriptBench()
        let script = try bench.write(
            "nap",
            """
            every("10s", function() log.info("in") sleep("3s") log.info("out", time.uptime()) end)
            every("11s", function() log.info("other") end)
            """)
        let automation = try await bench.start(script)
        await bench.pass(.seconds(14), automation)
        #expect(
            bench.core.log.dropFirst() == [
                "[Info] script/nap: in", "[Info] script/nap: other", "[Info] script/nap: out 13.0",
            ])
        await automation.stop()
    }

    @Test func aScheduleGoesOnAfterARunThatCouldNotBegin() async throws {
        let bench = try ScriptBench()
        // All that the first run leaves behind begins before the second, whose turn comes with its end: there are as many runs then
        // as there may be.
        let script = try bench.write(
            "full",
            """
            on("script.full", function() sleep("10s") end)
            local isFull = false
            every("400ms", function()
                log.info("run")
                sleep("1500ms")
                if isFull then return end
                isFull = true
                while pcall(spawn, sleep, "10s") do end
                events.raise("script.full")
            end, { name = "queued", overlap = "queue(5)" })
            """)
        let automation = try await bench.start(script)
        await bench.pass(.milliseconds(1950), automation)
        #expect(
            bench.core.log.filter { $0.contains("queued failed: a script may have 1000 runs at a time") }.count >= 1)
        #expect(bench.core.log.filter { $0.hasSuffix("run") }.count == 1)
        await bench.pass(.seconds(20), automation)
        #expect(bench.core.log.filter { $0.hasSuffix("run") }.count > 3)
        await automation.stop(grace: .zero)
    }

    @Test func aMainLoopMaySleep() async throws {
        let bench = try ScriptBench()
        let script = try bench.write("loop", "while true do log.info('turn') sleep(2) end")
        let automation = try await bench.start(script)
        await bench.pass(.seconds(4), automation)
        #expect(bench.core.log.filter { $0.hasSuffix("turn") }.count == 3)
        await automation.stop(grace: .zero)
        // What was told last was written before the store was closed.
        #expect(await automation.status(of: "loop")?.phase == .stopped)
    }

    @Test func aFailureIsToldWithLineAndTracebackAndDisturbsNobody() async throws {
        let bench = try ScriptBench()
        let bad = try bench.write(
            "bad",
            """
            local function deeper() error("boom") end
            every("1s", function() deeper() end)
            """)
        let good = try bench.write("good", "every('1s', function() log.info('fine') end)")
        let automation = try await bench.start(bad, good)
        await bench.pass(.seconds(3), automation)
        let errors = bench.core.log.filter { $0.hasPrefix("[Error]") }
        // The first and the second time; the third is left out.
        #expect(errors.count == 2)
        #expect(
            errors.first?.hasPrefix("[Error] script/bad: every 1s failed: bad.lua:1: boom; stack traceback:") == true)
        #expect(errors.last?.contains("(2 times in a row)") == true)
        #expect(bench.core.log.filter { $0.hasSuffix("fine") }.count == 3)
        let history = try automation.history(script: "bad")
        #expect(history.map(\.outcome) == [.failed, .failed, .failed])
        #expect(history.first?.error == "bad.lua:1: boom")
        await automation.stop()
    }

    @Test func aScriptThatDoesNotLoadIsTold() async throws {
        let bench = try ScriptBench()
        let syntax = try bench.write("syntax", "every('1s', function( end)")
        let thrown = try bench.write("thrown", "local x = nil\nx.y = 1")
        let missing = AutomationSettings.Script(name: "missing", path: bench.folder.path + "/missing.lua")
        let automation = try await bench.start(syntax, thrown, missing)
        for name in ["syntax", "thrown", "missing"] {
            let status = try #require(await automation.status(of: name))
            #expect(status.phase == .failed, "\(name)")
            #expect(bench.core.log.contains { $0.hasPrefix("[Error] script/\(name): not loaded: ") }, "\(name)")
        }
        #expect(await automation.status(of: "thrown")?.error?.contains("thrown.lua:2:") == true)
        await automation.stop()
    }

    @Test func limitsAreNamed() async throws {
        let bench = try ScriptBench()
        var loop = try bench.write("loop", "every('1s', function() while true do end end)")
        loop.limits.instructions = 1_000_000
        var caught = try bench.write(
            "caught", "every('1s', function() while true do pcall(function() while true do end end) end end)")
        caught.limits.instructions = 1_000_000
        var eater = try bench.write(
            "eater", "every('1s', function() local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end end)")
        eater.limits.memory = 4 << 20
        var slow = try bench.write("slow", "every('1s', function() while true do end end)")
        slow.limits.burst = .milliseconds(50)
        slow.limits.instructions = .max
        let good = try bench.write("good", "every('1s', function() log.info('fine') end)")
        let automation = try await bench.start(loop, caught, eater, slow, good)
        await bench.pass(.seconds(1), automation)
        for (name, limit) in [
            ("loop", "limit of 1000000 instructions reached"), ("caught", "limit of 1000000 instructions reached"),
            ("eater", "memory limit of 4.00 MB reached"), ("slow", "time limit of 50ms reached"),
        ] {
            let record = try #require(try automation.history(script: name).first, "\(name)")
            #expect(record.outcome == .killed, "\(name)")
            #expect(record.error.hasSuffix(limit), "\(name): \(record.error)")
        }
        #expect(bench.core.log.contains("[Info] script/good: fine"))
        await automation.stop()
    }

    @Test func aBusyRunIsNotDoubled() async throws {
        let bench = try ScriptBench()
        let script = try bench.write("slow", "every('2s', function() log.info('go') sleep('5s') end)")
        let automation = try await bench.start(script)
        await bench.pass(.seconds(8), automation)
        #expect(bench.core.log.filter { $0.hasSuffix("go") }.count == 2)
        // 4 and 6 are skipped and told once, 8 starts.
        #expect(await automation.status(of: "slow")?.schedules.first?.skipped == 2)
        let skipped = try automation.history(script: "slow").filter { $0.outcome == .skipped }
        #expect(skipped.map(\.error) == ["the run before is still busy"])
        await automation.stop(grace: .zero)
    }

    @Test(arguments: [
        ("queue(1)", ["go 2", "go 7", "go 12"]), ("replace", ["go 2", "go 4", "go 6", "go 8", "go 10", "go 12"]),
        ("parallel(2)", ["go 2", "go 4", "go 8", "go 10"]),
    ])
    func overlapPoliciesHold(policy: String, expected: [String]) async throws {
        let bench = try ScriptBench()
        let script = try bench.write(
            "slow",
            """
            every('2s', function() log.info(('go %d'):format(time.uptime())) sleep('5s') end, { overlap = '\(policy)' })
            """)
        let automation = try await bench.start(script)
        await bench.pass(.seconds(12), automation)
        #expect(bench.core.log.dropFirst().filter { $0.contains(": go") }.map { String($0.dropFirst(20)) } == expected)
        if policy == "replace" {
            let killed = try automation.history(script: "slow").filter { $0.outcome == .killed }
            #expect(killed.count == 5)
            #expect(killed.first?.error == "replaced by a newer run")
        }
        await automation.stop(grace: .zero)
    }

    @Test func aChangedFileIsLoadedAnew() async throws {
        let bench = try ScriptBench()
        let script = try bench.write(
            "hot", "every('2s', function() log.info('old') end) on_stop(function(why) log.info('end', why) end)")
        let automation = try await bench.start(script)
        await bench.pass(.seconds(2), automation)
        try bench.write("hot", "every('2s', function() log.info('new one') end)")
        await bench.pass(.seconds(4), automation)
        #expect(
            bench.core.log == [
                "[Info] script/hot: loaded, 1 schedule", "[Info] script/hot: old",
                "[Info] script/hot: reloaded, 1 schedule", "[Info] script/hot: end reload",
                "[Info] script/hot: new one",
            ])
        #expect(await automation.status(of: "hot")?.version == 2)
        await automation.stop()
    }

    @Test(arguments: ["every('1s', function(", "error('not today')", "every('1s')"])
    func theOldVersionStaysWhenTheNewOneFails(source: String) async throws {
        let bench = try ScriptBench()
        let script = try bench.write("hot", "every('2s', function() log.info('old') end)")
        let automation = try await bench.start(script)
        try bench.write("hot", source)
        await bench.pass(.seconds(4), automation)
        #expect(bench.core.log.filter { $0.hasSuffix("old") }.count == 2)
        #expect(
            bench.core.log.filter { $0.contains("not reloaded, the version before goes on: hot.lua:1:") }.count == 1)
        let status = try #require(await automation.status(of: "hot"))
        #expect(status.phase == .running)
        #expect(status.version == 1)
        #expect(status.error != nil)
        try bench.write("hot", "every('2s', function() log.info('good again') end)")
        await bench.pass(.seconds(4), automation)
        #expect(bench.core.log.contains("[Info] script/hot: good again"))
        #expect(await automation.status(of: "hot")?.error == nil)
        await automation.stop()
    }

    @Test func aWedgedScriptIsGivenUpAndTheOthersGoOn() async throws {
        let bench = try ScriptBench()
        let gate = DispatchSemaphore(value: 0)
        let entered = Mutex<(isIn: Bool, waiter: CheckedContinuation<Void, Never>?)>((false, nil))
        bench.core.state.withLock {
            $0.onSysStats = {
                let waiter = entered.withLock { state in
                    state.isIn = true
                    return state.waiter.take()
                }
                waiter?.resume()
                gate.wait()
            }
        }
        var stuck = try bench.write("stuck", "every('1s', function() stats.GetSysStats{} end)")
        stuck.limits.burst = .seconds(2)
        let good = try bench.write("good", "every('10s', function() log.info('fine') end)")
        let automation = try await bench.start(stuck, good) { settings in
            settings.threads = 1
            settings.slack = .seconds(3)
        }
        async let second: Void = bench.clock.advance(by: .seconds(1))
        await withCheckedContinuation { continuation in
            let isIn = entered.withLock { state in
                if state.isIn { return true }
                state.waiter = continuation
                return false
            }
            if isIn { continuation.resume() }
        }
        await second
        await bench.clock.advance(by: .seconds(6))
        await automation.quiet()
        let status = try #require(await automation.status(of: "stuck"))
        #expect(status.phase == .wedged)
        #expect(try automation.history(script: "stuck").first?.outcome == .killed)
        #expect(bench.core.log.contains { $0.hasPrefix("[Error] script/stuck: every 1s wedged:") })
        await bench.pass(.seconds(5), automation)
        #expect(bench.core.log.contains("[Info] script/good: fine"))
        // A new version gets a new start.
        bench.core.state.withLock { $0.onSysStats = nil }
        try bench.write("stuck", "every('1s', function() log.info('free again') end)")
        await bench.pass(.seconds(3), automation)
        #expect(bench.core.log.contains("[Info] script/stuck: free again"))
        gate.signal()
        await automation.stop()
    }

    @Test func stopTellsTheScriptsAndWaitsForThem() async throws {
        let bench = try ScriptBench()
        let script = try bench.write(
            "tidy",
            """
            on_stop(function(why) local n = users.count("in") log.info("bye", why, n) store.set("left", true) end)
            every("1s", function() sleep("1h") end)
            """)
        bench.core.addInbound(tag: "in", protocolType: "xray.proxy.vless.inbound.Config")
        let automation = try await bench.start(script)
        await bench.pass(.seconds(1), automation)
        await automation.stop(grace: .seconds(5))
        #expect(bench.core.log.last == "[Info] script/tidy: bye stop 0")
        let store = try ScriptStore(path: bench.storePath)
        #expect(try store.value("left", script: "tidy")?.json == "true")
        let record = try #require(try store.history(script: "tidy").first { $0.schedule == "every 1s" })
        #expect(record.outcome == .killed)
        #expect(record.error == "stop")
    }

    @Test func aRunThatDoesNotEndIsKilled() async throws {
        let bench = try ScriptBench()
        bench.core.state.withLock { $0.onTestRoute = { try? await Task.sleep(for: .seconds(600)) } }
        let script = try bench.write("late", "every('1s', function() routing.TestRoute{} log.info('never') end)")
        let automation = try await bench.start(script)
        await bench.clock.advance(by: .seconds(1))
        await automation.stop(grace: .zero)
        #expect(!bench.core.log.contains { $0.hasSuffix("never") })
        let history = try ScriptStore(path: bench.storePath).history(script: "late")
        #expect(history.map(\.outcome) == [.killed])
    }

    @Test func aScheduleCanBeRunNow() async throws {
        let bench = try ScriptBench()
        let script = try bench.write(
            "jobs",
            """
            every("1h", function() log.info("first") end)
            every("1h", function() error("second") end, { name = "other" })
            every("1h", function() sleep("1s") end, { name = "long" })
            """)
        let automation = try await bench.start(script)
        #expect(try await automation.runNow("jobs").outcome == .ok)
        #expect(try await automation.runNow("jobs", schedule: "other").error == "jobs.lua:2: second")
        async let long = automation.runNow("jobs", schedule: "long")
        while await automation.status(of: "jobs")?.schedules.last?.running != 1 { await Task.yield() }
        await automation.quiet()
        await bench.pass(.seconds(1), automation)
        #expect(try await long.outcome == .ok)
        await #expect(throws: AutomationError.self) { try await automation.runNow("jobs", schedule: "none") }
        await #expect(throws: AutomationError.self) { try await automation.runNow("nobody") }
        await automation.stop()
    }

    @Test func aScriptSwitchedOffStaysOff() async throws {
        let bench = try ScriptBench()
        let script = try bench.write("job", "every('1s', function() log.info('ran') end)")
        let first = try await bench.start(script)
        try await first.setEnabled(false, script: "job")
        await bench.pass(.seconds(3), first)
        #expect(await first.status(of: "job")?.phase == .disabled)
        await first.stop()
        let second = try await bench.start(script)
        await bench.pass(.seconds(3), second)
        #expect(!bench.core.log.contains { $0.hasSuffix("ran") })
        try await second.setEnabled(true, script: "job")
        await bench.pass(.seconds(1), second)
        #expect(bench.core.log.contains("[Info] script/job: ran"))
        await second.stop()
    }

    @Test func aTopLevelThatDoesNotEndIsGivenUp() async throws {
        let bench = try ScriptBench()
        let gate = DispatchSemaphore(value: 0)
        bench.core.state.withLock { $0.onSysStats = { gate.wait() } }
        var stuck = try bench.write("stuck", "stats.GetSysStats{}")
        stuck.limits.burst = .seconds(1)
        let settings = stuck
        async let started = bench.start(settings) { $0.threads = 1 }
        let ticking = Task {
            while !Task.isCancelled {
                await bench.clock.jump(by: .seconds(1))
                await Task.yield()
            }
        }
        let automation = try await started
        ticking.cancel()
        await ticking.value
        #expect(await automation.status(of: "stuck")?.phase == .wedged)
        #expect(bench.core.log.contains("[Error] script/stuck: not loaded: given up: a burst did not end"))
        gate.signal()
        await automation.stop()
    }

    @Test func aScriptSwitchedOnThatDoesNotLoadIsTriedAgain() async throws {
        let bench = try ScriptBench()
        var script = try bench.write("job", "error('no')")
        script.isEnabled = false
        let automation = try await bench.start(script)
        try await automation.setEnabled(true, script: "job")
        #expect(await automation.status(of: "job")?.phase == .failed)
        try bench.write("job", "log.info('yes')")
        await bench.pass(.seconds(2), automation)
        #expect(await automation.status(of: "job")?.phase == .running)
        await automation.stop()
    }

    @Test func twoScriptsCannotShareAName() async throws {
        let bench = try ScriptBench()
        let script = try bench.write("a", "")
        await #expect(throws: AutomationError.self) { try await bench.start(script, script) }
    }
}
