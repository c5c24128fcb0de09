// SPDX-License-Identifier: Apache-2.0
import Automation
import ControlAPI
import Foundation
import GRPCWire
import NIOCore
import NIOPosix
import ScriptAPI
import SwiftProtobuf
import Synchronization
import Testing
import XrayProtos

@Suite(.timeLimit(.minutes(5))) struct ScriptServiceTests {
    private static let scripts = [
        "good": "log.info('top') every('1h', function() log.info('ran') end, { name = 'hourly' })",
        "bad": "every('1h', function() error('boom') end)",
        "broken": "every(",
    ]

    @Test func everyCallOfTheServiceIsAnswered() async throws {
        let stage = try await ServiceStage()
        let service = try #require(DescriptorPool.shared.service(ScriptService.fullName))
        let client = GRPCClient(address: .unix(path: stage.socket), group: MultiThreadedEventLoopGroup.singleton)
        for method in service.methods {
            // No request at all, or an empty one: whatever it is answered, it is not "unknown method".
            let responses = client.serverStreaming(method.path, ByteBuffer(), timeout: .seconds(300))
            do {
                while try await responses.next() != nil {}
            } catch let status as GRPCStatus {
                #expect(status.code != .unimplemented, "\(method.path): \(status)")
            }
        }
        await client.close()
        await stage.end()
    }

    @Test func theSocketIsItsOwnersAlone() async throws {
        let stage = try await ServiceStage()
        let attributes = try FileManager.default.attributesOfItem(atPath: stage.socket)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        await stage.end()
        #expect(!FileManager.default.fileExists(atPath: stage.socket))
    }

    @Test func scriptsAreListedWithWhatIsWrong() async throws {
        let stage = try await ServiceStage(scripts: Self.scripts)
        let scripts = try await stage.client.list()
        #expect(scripts.map(\.name) == ["bad", "broken", "good"])
        #expect(scripts.map(\.phase) == ["running", "failed", "running"])
        #expect(scripts[1].error.contains("broken.lua:1:"))
        #expect(scripts[2].schedules.map(\.name) == ["hourly"] && scripts[2].schedules[0].next > 0)
        let missing = await #expect(throws: ControlError.self) { try await stage.client.script("none") }
        #expect(missing?.code == .notFound && missing?.message == "there is no script \"none\"")
        await stage.end()
    }

    @Test func aRunIsWaitedForAndKeptInTheHistory() async throws {
        let stage = try await ServiceStage(scripts: Self.scripts)
        let good = try await stage.client.run("good", schedule: "", isDry: false)
        #expect(good.run.outcome == "ok" && good.run.schedule == "hourly")
        let bad = try await stage.client.run("bad", schedule: "every 1h", isDry: false)
        #expect(bad.run.outcome == "failed" && bad.run.error == "bad.lua:1: boom")
        await #expect(throws: ControlError.self) { try await stage.client.run("good", schedule: "none", isDry: false) }
        await #expect(throws: ControlError.self) { try await stage.client.run("broken", schedule: "", isDry: false) }
        #expect(try await stage.client.runs("bad", limit: 10).map(\.outcome).first == "failed")
        #expect(try await stage.client.runs("", limit: 1).count == 1)
        await stage.end()
    }

    @Test func ordersAreCarriedOutAndLoggedWithTheirAuthor() async throws {
        let stage = try await ServiceStage(scripts: Self.scripts)
        let me = "console \(NSUserName()) (pid \(ProcessInfo.processInfo.processIdentifier))"
        #expect(try await stage.client.setEnabled(false, "good").phase == "disabled")
        await #expect(throws: ControlError.self) { try await stage.client.reload("good") }
        #expect(try await stage.client.setEnabled(true, "good").phase == "running")
        #expect(try await stage.client.reload("good").version == 3)
        let failed = await #expect(throws: ControlError.self) { try await stage.client.reload("broken") }
        #expect(failed?.message.contains("broken.lua:1:") == true)
        #expect(try await stage.client.kill("good") == 0)
        for text in ["disabled by \(me)", "enabled by \(me)", "to be reloaded, by \(me)", "0 runs killed by \(me)"] {
            try await stage.log.wait(for: "script/good: \(text)")
        }
        await stage.end()
    }

    @Test func theLogIsFollowed() async throws {
        let stage = try await ServiceStage(scripts: Self.scripts)
        let lines = ServiceStage.LineBox()
        let reader = Task {
            try await stage.client.log("good", last: 10, follow: true) { lines.add("\($0.level) \($0.message)") }
        }
        try await lines.wait(for: "info top")
        _ = try await stage.client.run("good", schedule: "", isDry: false)
        try await lines.wait(for: "info ran")
        reader.cancel()
        _ = await reader.result
        var last: [String] = []
        try await stage.client.log("good", last: 1, follow: false) { last.append($0.message) }
        #expect(last == ["ran"])
        await stage.end()
    }

    // MARK: - Sessions

    @Test func valuesComeWithTheLinesBeforeThem() async throws {
        let stage = try await ServiceStage()
        let (session, lines) = try await stage.console()
        let values = try await session.evaluate(
            "print('one') or print('two') or 1, 2.5, 'x', nil, true, { 1, a = { b = 2 } }, '\\xff'")
        #expect(lines.all == ["one", "two"])
        #expect(values.count == 7 && values[0].integer == 1 && values[1].number == 2.5 && values[2].text == "x")
        #expect(values[3].value == nil && values[4].boolean && values[5].table.elements.map(\.integer) == [1])
        #expect(values[5].table.fields[0].value.table.fields[0].value.integer == 2 && values[6].octets == Data([0xff]))
        await session.close()
        await stage.end()
    }

    @Test func errorsSayWhatTheyAre() async throws {
        let stage = try await ServiceStage()
        let (session, _) = try await stage.console()
        for (source, kind) in [
            ("error('x')", Tidegate_Script_V1_EvaluateFailure.Kind.failed), ("x = = 1", .syntax), ("f(", .incomplete),
            ("while true do end", .limit),
        ] {
            let failure = await #expect(throws: ConsoleFailure.self) {
                try await session.evaluate(source, mayContinue: true)
            }
            #expect(failure?.kind == kind, "\(source)")
        }
        let final = await #expect(throws: ConsoleFailure.self) { try await session.evaluate("f(") }
        #expect(final?.kind == .syntax, "without more lines to come, unfinished is wrong")
        await session.close()
        await stage.end()
    }

    @Test func anEvaluationIsInterruptedWhileCompletionsGoOn() async throws {
        let stage = try await ServiceStage()
        let (session, lines) = try await stage.console()
        let evaluation = Task { try await session.evaluate("print('in') sleep('1h')") }
        try await lines.wait(for: "in")
        #expect(try await session.complete("users.re").candidates == ["remove("])
        let second = await #expect(throws: ConsoleFailure.self) { try await session.evaluate("1") }
        #expect(second?.message == "another evaluation is under way")
        try await session.interrupt()
        let failure = await #expect(throws: ConsoleFailure.self) { try await evaluation.value }
        #expect(failure?.kind == .interrupted)
        #expect(try await session.evaluate("1").count == 1)
        await session.close()
        await stage.end()
    }

    @Test func aChangeIsLoggedWithWhoMadeIt() async throws {
        let stage = try await ServiceStage()
        let (session, _) = try await stage.console()
        #expect(session.caller == "console \(NSUserName()) (pid \(ProcessInfo.processInfo.processIdentifier))")
        let values = try await session.evaluate("users.remove('vless-in', 'alice@example.com')")
        #expect(values.map(\.boolean) == [true])
        try await stage.log.wait(for: "user alice@example.com removed from inbound vless-in by \(session.caller)")
        await session.close()
        await stage.end()
    }

    @Test func aReadOnlySessionChangesNothing() async throws {
        let stage = try await ServiceStage()
        let (session, _) = try await stage.console(.readOnly)
        let refused = await #expect(throws: ConsoleFailure.self) {
            try await session.evaluate("users.remove('vless-in', 'alice@example.com')")
        }
        #expect(refused?.message.contains("handler.AlterInbound: refused, this session is read-only") == true)
        #expect(try await session.evaluate("users.count('vless-in')").map(\.integer) == [1])
        await session.close()
        await stage.end()
    }

    @Test func aDryRunTellsBeforeEachResultWhatItWouldChange() async throws {
        let stage = try await ServiceStage()
        let (session, lines) = try await stage.console(.dryRun)
        let values = try await session.evaluate(
            "print('first') store.set('k', 1) return users.remove('vless-in', 'alice@example.com'), store.get('k')")
        #expect(values.map(\.boolean) == [true, false] && values.map(\.integer) == [0, 1])
        #expect(lines.all.count == 3 && lines.all[0] == "first", "\(lines.all)")
        #expect(lines.all[1].hasPrefix("planned handler.AlterInbound {") && lines.all[1].contains("alice@example.com"))
        #expect(lines.all[2] == "planned store.set k = 1")
        await #expect(throws: ConsoleFailure.self) { try await session.evaluate("store.delete('k') error('no')") }
        #expect(lines.all.last == "planned store.delete k")
        // Nothing is told twice, and nothing has happened.
        #expect(try await session.evaluate("users.count('vless-in')").map(\.integer) == [1])
        #expect(lines.all.count == 4)
        await session.close()
        let (plain, _) = try await stage.console()
        #expect(try await plain.evaluate("store.get('k')").map { $0.value == nil } == [true])
        await plain.close()
        await stage.end()
    }

    @Test func aFloodOfLinesIsCutAndTheResultArrives() async throws {
        let stage = try await ServiceStage()
        let (session, lines) = try await stage.console()
        let values = try await session.evaluate("(function() for i = 1, 200000 do print(i) end return 'done' end)()")
        #expect(values.map(\.text) == ["done"])
        #expect(lines.all.count <= 200_001)
        await session.close()
        await stage.end()
    }

    @Test func aCallThatDoesNotBeginWithOpenIsRefused() async throws {
        let stage = try await ServiceStage()
        let client = GRPCClient(address: .unix(path: stage.socket), group: MultiThreadedEventLoopGroup.singleton)
        let path = "/\(ScriptService.fullName)/OpenConsole"
        for request in [Tidegate_Script_V1_ConsoleRequest(), .with { $0.evaluate = .init() }] {
            let (requests, responses) = client.streaming(path)
            try await requests.write(encodeMessage(request))
            let status = await #expect(throws: GRPCStatus.self) { while try await responses.next() != nil {} }
            #expect(status?.code == .invalidArgument)
        }
        let (requests, responses) = client.streaming(path)
        try await requests.write(ByteBuffer(bytes: [0xff, 0xff, 0xff]))
        let status = await #expect(throws: GRPCStatus.self) { while try await responses.next() != nil {} }
        #expect(status?.code == .internal)
        await client.close()
        await stage.end()
    }

    @Test func theCoresEndIsToldToSessions() async throws {
        let stage = try await ServiceStage()
        let (session, lines) = try await stage.console()
        let evaluation = Task { try await session.evaluate("print('in') sleep('1h')") }
        try await lines.wait(for: "in")
        await stage.end()
        await #expect(throws: (any Error).self) { try await evaluation.value }
    }
}
