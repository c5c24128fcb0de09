// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyModel
import Testing

@testable import Automation

struct ScriptLogTests {
    private let start = Date(timeIntervalSince1970: 1_767_225_600)

    @Test func theLastLinesOfOneScriptOrOfAllAreKeptInOrder() {
        let log = ScriptLog()
        for number in 0..<1200 {
            log.append(.info, script: number.isMultiple(of: 3) ? "a" : "b", "\(number)", at: start)
        }
        #expect(log.last(2, script: "a").map(\.message) == ["1194", "1197"])
        #expect(log.last(3).map(\.message) == ["1197", "1198", "1199"])
        #expect(log.last(10_000, script: "b").count == ScriptLog.kept)
        #expect(log.last(5, script: "none").isEmpty)
    }

    @Test func followersGetTheLastLinesAndThoseThatCome() async {
        let log = ScriptLog()
        log.append(.info, script: "a", "before", at: start)
        log.append(.info, script: "b", "of another", at: start)
        let stream = log.follow(last: 5, script: "a")
        log.append(.warning, script: "a", "after", at: start)
        log.close()
        var lines: [String] = []
        for await line in stream { lines.append(line.message) }
        #expect(lines == ["before", "after"])
        for await _ in log.follow(last: 0) { Issue.record("a closed log has no more lines") }
    }

    @Test func aKilledRunSaysWhoKilledIt() async throws {
        let bench = try ScriptBench()
        let script = try bench.write("nap", "every('1s', function() sleep('1h') end)")
        let automation = try await bench.start(script)
        await bench.pass(.seconds(1), automation)
        #expect(try await automation.kill("nap", reason: "killed by ann") == 1)
        let record = try #require(try automation.history(script: "nap").first { $0.outcome == .killed })
        #expect(record.error == "killed by ann")
        #expect(await automation.status(of: "nap")?.phase == .running)
        #expect(automation.logLines(script: "nap", last: 1).first?.message.contains("killed by ann") == true)
        await #expect(throws: AutomationError.self) { try await automation.kill("none", reason: "") }
        await automation.stop(grace: .zero)
    }
}
