// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// The prompt without a terminal.
@Suite(.timeLimit(.minutes(5))) struct ReplPipeTests {
    @Test func linesAreRunWithoutAPrompt() async throws {
        try await offPool {
            let core = try ScriptedCore()
            try core.start()
            let result = try core.run(
                ["repl"],
                input: "x = 20\n\nx + 1\nfor i = 1, 2 do\n  print(i)\nend\n:doc users.count\n{ a = { 1, 2 } }\n")
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.output.hasPrefix("21\n1\n2\nusers.count("), "\(result.output)")
            #expect(result.output.hasSuffix("{ a = { 1, 2 } }\n"))
            #expect(result.errors.isEmpty)
        }
    }

    @Test func theFirstErrorEndsItWithAStatus() async throws {
        try await offPool {
            let core = try ScriptedCore()
            try core.start()
            let failed = try core.run(["repl"], input: "print('before')\nerror('boom')\nprint('after')\n")
            #expect(failed.status == 1 && failed.output == "before\n" && failed.errors == "console:1: boom\n")
            let unfinished = try core.run(["repl"], input: "for i = 1, 2 do\n")
            #expect(unfinished.status == 1 && unfinished.errors == "the input ends within a statement\n")
            let unknown = try core.run(["repl"], input: ":nonsense\n")
            #expect(unknown.status == 1 && unknown.errors.contains(":nonsense"))
        }
    }

    @Test func withoutACoreOneIsStartedInTheProcess() async throws {
        try await offPool {
            let core = try ScriptedCore(scripts: ["hello": "log.info('loaded here')"])
            let result = try core.run(["repl"], input: "users.count('vless-in')\n")
            #expect(result.status == 0 && result.output == "2\n", "\(result.output) \(result.errors)")
            #expect(result.errors.contains("script/hello: loaded here"), "the core's log goes to standard error")
        }
    }

    @Test func aSignalToStopEndsACoreOfTheProcessInOrder() async throws {
        try await offPool {
            let core = try ScriptedCore(scripts: ["hello": "on_stop(function(why) log.info('ended by', why) end)"])
            let log = core.core.folder.appendingPathComponent("repl.log")
            // Its standard input stays open without a line.
            let command = "exec < <(sleep 100); exec \(TidegateProcess.executable.path) repl -c \(core.configuration)"
            let repl = try ChildProcess(
                URL(fileURLWithPath: "/bin/bash"), ["-c", command], in: core.core.folder, log: log)
            let output = { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }
            #expect(Wait.until { FileManager.default.fileExists(atPath: core.socket) }, "\(output())")
            #expect(repl.end(SIGTERM) == 128 + SIGTERM)
            #expect(!output().contains("on_stop killed"), "\(output())")
            #expect(
                output().contains("script/hello: ended by stop") && output().contains("core: stopped"), "\(output())")
            #expect(!FileManager.default.fileExists(atPath: core.socket))
        }
    }

    @Test func aSocketWithoutACoreIsToldSo() async throws {
        try await offPool {
            let result = try TidegateProcess.run(["repl", "--socket", "/nonexistent/core.sock"], input: "1\n")
            #expect(result.status == 1)
            #expect(
                result.errors.contains("no core is running there") && result.errors.contains("/nonexistent/core.sock"))
        }
    }
}
