// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import Synchronization
import Testing

@testable import Automation

struct DryRunTests {
    private static let source = """
        local count = 0
        log.info("top")
        every("1h", function()
            count = count + 1
            users.remove("in", "a@x")
            handler.RemoveOutbound{ tag = "out" }
            log.info("closed", flows.close{ email = "a@x" }, stats.get("c", { reset = true }), stats.get("c"))
            store.set("new", count)
            store.set("old", { 1 })
            store.delete("gone")
            store.incr("same", 0)
            log.info(select(2, http.get("http://example.com/x")))
        end, { name = "job" })
        every("2h", function() error("other") end, { name = "other" })
        """

    private static func prepared() async throws -> (ScriptBench, Automation) {
        let bench = try ScriptBench()
        bench.core.addInbound(
            tag: "in", protocolType: "xray.proxy.vless.inbound.Config",
            users: [try CoreDouble.vlessUser("a@x", id: "27848739-7e62-4138-9fd3-098a63964b6b")])
        bench.core.state.withLock { $0.counters = ["c": 5] }
        let automation = try await bench.start(bench.write("chunk", source)) { settings in
            settings.http.allow = ["example.com"]
            settings.http.client = AsyncScriptHTTPClient()
        }
        for (key, json) in [("old", "0"), ("gone", "1"), ("same", "7")] {
            try automation.context.store.set(json, for: key, script: "chunk")
        }
        return (bench, automation)
    }

    @Test func changesAreListedAndNotMade() async throws {
        let (bench, automation) = try await Self.prepared()
        let requests = bench.core.state.withLock { $0.requests.count }
        let run = try await automation.dryRun("chunk")
        #expect(run.record.outcome == .ok, "\(run.record)")
        #expect(run.record.schedule == "job")
        #expect(
            run.changes.map(\.operation) == [
                "handler.AlterInbound", "handler.RemoveOutbound", "flows.close", "stats.GetStats",
                "http.GET", "store.set", "store.set", "store.delete",
            ])
        #expect(run.changes[0].detail.contains("\"email\":\"a@x\""), "\(run.changes[0])")
        #expect(run.changes[2].detail == "email=a@x: 0 flows")
        #expect(run.changes[5...].map(\.detail) == ["new = 1", "old = [1]", "gone"])
        #expect(
            run.lines == [
                "[Info] script/chunk: top", "[Info] script/chunk: closed 0 5 5",
                "[Info] script/chunk: http: GET example.com: not sent, this is a dry run",
            ])
        // Nothing has happened.
        #expect(bench.core.emails("in") == ["a@x"])
        #expect(bench.core.state.withLock { $0.counters["c"] } == 5)
        #expect(bench.core.state.withLock { $0.callers.isEmpty })
        #expect(bench.core.state.withLock { $0.requests.count } == requests + 1)
        #expect(try automation.context.store.list(prefix: "", script: "chunk").map(\.key) == ["gone", "old", "same"])
        #expect(try automation.history(script: "chunk").isEmpty)
        #expect(bench.core.log.filter { $0.hasSuffix("top") }.count == 1)
        await automation.stop()
    }

    @Test func aScheduleIsNamedAndItsFailureTold() async throws {
        let (bench, automation) = try await Self.prepared()
        defer { withExtendedLifetime(bench) {} }
        let run = try await automation.dryRun("chunk", schedule: "other")
        #expect(run.record.outcome == .failed && run.record.error == "chunk.lua:14: other")
        #expect(run.changes.isEmpty)
        await #expect(throws: AutomationError.self) { try await automation.dryRun("chunk", schedule: "none") }
        await #expect(throws: AutomationError.self) { try await automation.dryRun("none") }
        await automation.stop()
    }

    @Test func aScriptThatDoesNotLoadIsTold() async throws {
        let bench = try ScriptBench()
        let automation = try await bench.start(bench.write("chunk", "users.remove('in', 'a') error('no')"))
        let run = try await automation.dryRun("chunk")
        #expect(run.record.schedule == "main" && run.record.outcome == .failed)
        #expect(run.record.error.hasPrefix("chunk.lua:1: no"))
        #expect(run.changes.map(\.operation) == ["handler.AlterInbound"])
        await automation.stop()
    }

    @Test func withoutAScheduleTheTopLevelRuns() async throws {
        let bench = try ScriptBench()
        let automation = try await bench.start(bench.write("chunk", "store.set('a', 1)"))
        let run = try await automation.dryRun("chunk")
        #expect(run.record.schedule == "main" && run.record.outcome == .ok)
        // It was stored when the script was loaded.
        #expect(run.changes.isEmpty)
        await automation.stop()
    }
}
