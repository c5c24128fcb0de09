// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Automation

/// Other settings while scripts run.
struct UpdateTests {
    private func settings(_ scripts: AutomationSettings.Script...) -> AutomationSettings {
        var settings = AutomationSettings()
        settings.scripts = scripts
        return settings
    }

    @Test func scriptsComeGoAndChangeWhileOthersDoNotNotice() async throws {
        let bench = try ScriptBench()
        let stays = try bench.write("stays", "log.info('loaded by', settings.n)")
        var changes = try bench.write("changes", "log.info('n is', settings.n)")
        changes.settings = #"{"n":1}"#
        let goes = try bench.write("goes", "on_stop(function(why) log.info('gone:', why) end)")
        let automation = try await bench.start(stays, changes, goes)
        var other = changes
        other.settings = #"{"n":2}"#
        other.limits.calls = 5
        let comes = try bench.write("comes", "log.info('here')")
        let update = try await automation.planUpdate(settings(comes, other, stays))
        #expect(update.lines == ["script comes added", "script changes changed", "script goes removed"])
        #expect(bench.core.log.filter { $0.contains("here") }.isEmpty, "it is only tried")
        #expect(await automation.apply(update).isEmpty)
        // Who is gone ends by itself, beside the rest.
        try await eventually { bench.core.log.contains("[Info] script/goes: gone: stop") }
        await automation.quiet()
        #expect(await automation.status().map(\.name) == ["changes", "comes", "stays"])
        #expect(await automation.status().map(\.version) == [2, 1, 1])
        let said = bench.core.log.filter { $0.contains("n is") || $0.contains("here") || $0.contains("gone") }
        #expect(
            Set(said) == [
                "[Info] script/changes: n is 1", "[Info] script/changes: n is 2", "[Info] script/comes: here",
                "[Info] script/goes: gone: stop",
            ])
        #expect(try await automation.planUpdate(settings(comes, other, stays)).lines.isEmpty)
        await automation.stop()
    }

    @Test func aScriptThatIsTakenOutWhileItLoadsDoesNotStart() async throws {
        let bench = try ScriptBench()
        let http = HeldHTTP()
        let script = try bench.write(
            "slow", "http.get('http://example.com/') every('1s', function() log.info('alive') end)")
        let automation = try await bench.start(script) { settings in
            settings.http.allow = ["example.com"]
            settings.http.client = http
        }
        http.hold()
        async let isLoaded = automation.reload("slow")
        try await eventually { http.isAsked }
        var new = settings()
        new.http.allow = ["example.com"]
        _ = await automation.apply(try await automation.planUpdate(new))
        http.letGo()
        _ = await isLoaded
        // The version that ran has ended, too.
        try await eventually { automation.context.scheduler.count <= 2 }
        let before = bench.core.log.filter { $0.contains("alive") }.count
        await bench.pass(.seconds(5), automation)
        #expect(bench.core.log.filter { $0.contains("alive") }.count == before)
        #expect(await automation.status().isEmpty)
        await automation.stop()
    }

    @Test func aScriptThatWouldNotLoadIsFoundBeforeAnythingChanges() async throws {
        let bench = try ScriptBench()
        let old = try bench.write("old", "")
        let automation = try await bench.start(old)
        let bad = try bench.write("bad", "store.set('tried', 1) error('no')")
        let error = await #expect(throws: AutomationError.self) { try await automation.planUpdate(settings(bad)) }
        #expect(error?.description.hasPrefix("script \"bad\": bad.lua:1: no") == true, "\(String(describing: error))")
        #expect(await automation.status().map(\.name) == ["old"])
        #expect(try automation.context.store.list(prefix: "", script: "bad").isEmpty)
        // One that is off is not tried.
        var off = bad
        off.isEnabled = false
        let update = try await automation.planUpdate(settings(off, old))
        #expect(await automation.apply(update).isEmpty)
        #expect(await automation.status(of: "bad")?.phase == .disabled)
        await automation.stop()
    }

    @Test func whatSomebodyHasSwitchedGoesBeforeTheConfiguration() async throws {
        let bench = try ScriptBench()
        var script = try bench.write("chunk", "every('1h', print)")
        let automation = try await bench.start(script)
        script.isEnabled = false
        _ = await automation.apply(try await automation.planUpdate(settings(script)))
        #expect(await automation.status(of: "chunk")?.phase == .disabled)
        try await automation.setEnabled(true, script: "chunk")
        #expect(await automation.status(of: "chunk")?.phase == .running)
        await automation.stop()
        // Also in the next process.
        let again = try await bench.start(script)
        #expect(await again.status(of: "chunk")?.phase == .running)
        script.isEnabled = true
        script.settings = #"{"a":1}"#
        try await again.setEnabled(false, script: "chunk")
        _ = await again.apply(try await again.planUpdate(settings(script)))
        #expect(await again.status(of: "chunk")?.phase == .disabled)
        await again.stop()
    }

    @Test func grantsThatChangeLoadEveryScriptAnew() async throws {
        let bench = try ScriptBench()
        let script = try bench.write(
            "chunk", "log.info((select(2, pcall(http.get, 'http://example.com/')) or ''):match('allow') or 'allowed')")
        let automation = try await bench.start(script)
        var new = settings(script)
        new.http.allow = ["example.com"]
        let update = try await automation.planUpdate(new)
        #expect(update.lines == ["script chunk changed"])
        #expect(await automation.apply(update).isEmpty)
        await automation.quiet()
        let said = bench.core.log.filter { $0.contains("allow") }
        #expect(said == ["[Info] script/chunk: allow", "[Info] script/chunk: allowed"])
        await automation.stop()
    }
}

/// Answers at once, or holds requests until they are let go.
private final class HeldHTTP: ScriptHTTPClient {
    private let state = Mutex((isHeld: false, waiting: [CheckedContinuation<Void, Never>]()))

    var isAsked: Bool { state.withLock { !$0.waiting.isEmpty } }
    func hold() { state.withLock { $0.isHeld = true } }

    func letGo() {
        let waiting = state.withLock { state in
            state.isHeld = false
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func send(_ request: ScriptHTTPRequest) async throws -> ScriptHTTPResponse {
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state in
                if state.isHeld { state.waiting.append(continuation) }
                return !state.isHeld
            }
            if goesOn { continuation.resume() }
        }
        return ScriptHTTPResponse(status: 200)
    }

    func shutdown() async {}
}
