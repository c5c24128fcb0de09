// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct ScriptCommandTests {
    private static let scripts = [
        "good": "log.info('top') every('1h', function() log.warning('ran') end, { name = 'hourly' })",
        "bad": "every('1h', function() error('boom') end)",
        "broken": "every(",
    ]

    @Test func aRunningCoresScriptsAreListed() async throws {
        try await offPool {
            let core = try ScriptedCore(scripts: Self.scripts)
            try core.start()
            let table = try core.run(["script", "list"])
            #expect(table.status == 0 && table.output.hasPrefix("NAME"), "\(table.errors)")
            #expect(table.output.contains("good    running") && table.output.contains("broken  failed"))
            #expect(table.output.contains("broken: broken.lua:1:"))
            let json = try core.run(["script", "list", "--json"])
            let list = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]]
            #expect(list?.map { $0["name"] as? String } == ["bad", "broken", "good"])
            #expect(
                Set(list?[2].keys.map { $0 } ?? []) == [
                    "name", "path", "phase", "version", "loaded", "error", "memory", "schedules", "subscriptions",
                    "subscription_count",
                ])
            let one = try core.run(["script", "list", "good"])
            #expect(one.output.hasPrefix("good is running\n") && one.output.contains("hourly"))
            let none = try core.run(["script", "list", "none"])
            #expect(none.status == 1 && none.errors == "there is no script \"none\"\n")
            let socket = try TidegateProcess.run(["script", "list", "--socket", core.socket])
            #expect(socket.output == table.output || socket.output.hasPrefix("NAME"))
        }
    }

    @Test func runsAndTheirHistoryAreShown() async throws {
        try await offPool {
            let core = try ScriptedCore(scripts: Self.scripts)
            try core.start()
            let good = try core.run(["script", "run", "good"])
            #expect(good.status == 0 && good.output.hasPrefix("good: hourly ok in "), "\(good.errors)")
            let bad = try core.run(["script", "run", "bad"])
            #expect(bad.status == 1 && bad.errors == "bad: every 1h failed: bad.lua:1: boom\n")
            let history = try core.run(["script", "history", "bad"])
            #expect(history.output.contains("failed") && history.output.contains("bad.lua:1: boom"))
            let failed = try core.run(["script", "history", "--failed", "--json"])
            let list = try JSONSerialization.jsonObject(with: Data(failed.output.utf8)) as? [[String: Any]]
            #expect(list?.count == 1 && list?[0]["error"] as? String == "bad.lua:1: boom")
            let logs = try core.run(["script", "logs", "good", "-n", "1"])
            #expect(logs.output.hasSuffix("[warning] good: ran\n"), "\(logs.output)")
        }
    }

    @Test func aDryRunShowsTheChangesAndMakesNone() async throws {
        try await offPool {
            let source = "every('1h', function() users.remove('vless-in', 'bob@example.com') end)"
            let core = try ScriptedCore(scripts: ["cut": source])
            try core.start()
            let dry = try core.run(["script", "run", "cut", "--dry-run"])
            #expect(dry.status == 0 && dry.output.hasPrefix("would call handler.AlterInbound "), "\(dry)")
            #expect(dry.output.contains("bob@example.com"))
            #expect(try core.run(["repl"], input: "users.count('vless-in')\n").output == "2\n")
        }
    }

    @Test func aFileIsRunInTheCore() async throws {
        try await offPool {
            let core = try ScriptedCore()
            try core.start()
            try core.core.write("print(users.count('vless-in'))\nerror('at the end')\n", to: "once.lua")
            let result = try core.run(["script", "run", core.core.folder.path + "/once.lua"])
            #expect(result.status == 1 && result.output == "2\n")
            #expect(result.errors.hasPrefix("once.lua:2: at the end"))
        }
    }

    @Test func aDryRunOfAFileAndOfAPromptChangesNothing() async throws {
        try await offPool {
            let core = try ScriptedCore()
            try core.start()
            try core.core.write(
                "print('cutting') users.remove('vless-in', 'bob@example.com') store.set('n', 1) return { 1, a = 2 }, 3",
                to: "once.lua")
            let file = core.core.folder.path + "/once.lua"
            let dry = try core.run(["script", "run", "--dry", file])
            #expect(dry.status == 0 && dry.output.hasPrefix("cutting\nwould call handler.AlterInbound {"), "\(dry)")
            #expect(dry.output.contains("would call store.set n = 1\n"), "\(dry)")
            let json = try core.run(["script", "run", "--dry-run", "--json", file])
            let answer = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
            #expect((answer?["changes"] as? [String])?.count == 2, "\(json)")
            #expect((answer?["lines"] as? [[String: String]])?.first?["text"] == "cutting")
            #expect((answer?["values"] as? [Any])?.last as? Int == 3)
            #expect(((answer?["values"] as? [Any])?.first as? [String: Int]) == ["1": 1, "a": 2])
            #expect(answer?["error"] is NSNull)
            let prompt = try core.run(["repl", "--dry-run"], input: "users.remove('vless-in', 'bob@example.com')\n")
            #expect(prompt.status == 0 && prompt.output.hasPrefix("would call handler.AlterInbound {"), "\(prompt)")
            let after = try core.run(["repl"], input: "users.count('vless-in'), store.get('n')\n")
            #expect(after.output == "2\tnil\n", "\(after)")
            try core.core.write("error('no')", to: "bad.lua")
            let bad = try core.run(["script", "run", "--json", core.core.folder.path + "/bad.lua"])
            #expect(bad.status == 1 && bad.output.contains("bad.lua:1: no"), "\(bad)")
        }
    }

    @Test func theHistoryTellsWhatARunHasUsedAndWhereItFailed() async throws {
        try await offPool {
            let source =
                "local function deep() error('boom') end every('1h', function() log.info('line') users.count('vless-in') deep() end)"
            let core = try ScriptedCore(scripts: ["bad": source])
            try core.start()
            #expect(try core.run(["script", "run", "bad"]).status == 1)
            let table = try core.run(["script", "history", "bad"])
            #expect(table.output.contains("CPU") && table.output.contains("CALLS"), "\(table.output)")
            let all = try core.run(["script", "history", "-v", "bad"]).output
            #expect(all.contains("calls 1)\n  bad.lua:1: boom\n") && all.contains("in upvalue 'deep'"), "\(all)")
            #expect(all.contains("[Info] line"), "\(all)")
            let json = try core.run(["script", "history", "--json", "bad"])
            let run = (try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]])?.first
            #expect(run?["calls"] as? Int == 1 && (run?["memory"] as? Int ?? 0) > 1000, "\(json.output)")
            #expect(
                (run?["cpu"] as? Double ?? 0) > 0 && run?["lines"] as? [String] == ["[Info] line"], "\(json.output)")
        }
    }

    @Test func scriptsAreSwitchedAndTheLogNamesByWhom() async throws {
        try await offPool {
            let core = try ScriptedCore(scripts: Self.scripts)
            try core.start()
            #expect(try core.run(["script", "disable", "good"]).output == "good is disabled\n")
            #expect(try core.run(["script", "run", "good"]).errors == "script \"good\" is disabled\n")
            #expect(try core.run(["script", "enable", "good"]).output == "good is running\n")
            #expect(try core.run(["script", "reload", "good"]).output == "good is running\n")
            #expect(try core.run(["script", "kill", "good"]).output == "0 runs killed\n")
            let broken = try core.run(["script", "enable", "broken"])
            #expect(broken.status == 1 && broken.errors.hasPrefix("broken is failed: broken.lua:1:"))
            #expect(Wait.until { core.core.output.contains("script/good: disabled by console \(NSUserName()) (pid ") })
        }
    }

    @Test func checkCompilesAndLoads() async throws {
        try await offPool {
            let core = try ScriptedCore(scripts: Self.scripts)
            let folder = core.core.folder.path
            let good = try TidegateProcess.run(["script", "check", folder + "/good.lua"])
            #expect(
                good.status == 0 && good.output == "\(folder)/good.lua: good, hourly (every 1h)\n    [info] top\n",
                "\(good)")
            let broken = try TidegateProcess.run(["script", "check", folder + "/broken.lua", folder + "/good.lua"])
            #expect(
                broken.status == 1 && broken.errors.contains("broken.lua:1:")
                    && broken.output.contains("good.lua: good"))
            let missing = try TidegateProcess.run(["script", "check", folder + "/none.lua"])
            #expect(missing.status == 1 && missing.errors.contains("none.lua: cannot be read"))
            try core.core.write("assert(#users.list('vless-in') == 2)", to: "looks.lua")
            #expect(try TidegateProcess.run(["script", "check", folder + "/looks.lua"]).status == 1)
            #expect(
                try TidegateProcess.run(["script", "check", folder + "/looks.lua", "-c", core.configuration]).status
                    == 0)
            let all = try TidegateProcess.run(["script", "check", "-c", core.configuration])
            #expect(all.status == 1 && all.output.contains("good.lua: good"))
        }
    }

    @Test func aNewScriptIsGoodAndOverwritesNothing() async throws {
        try await offPool {
            let core = try ScriptedCore()
            let path = core.core.folder.path + "/mine"
            #expect(try TidegateProcess.run(["script", "new", path]).status == 0)
            let again = try TidegateProcess.run(["script", "new", path + ".lua"])
            #expect(again.status == 1 && again.errors.contains("is there already"))
            let check = try TidegateProcess.run(["script", "check", path + ".lua"])
            #expect(check.status == 0, "\(check.errors)")
            #expect(check.output.contains("report (cron 0 0 * * *), limit (watch user>>>*>>>traffic>>>* "), "\(check)")
            let lines = try String(contentsOfFile: path + ".lua", encoding: .utf8).split(
                separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.count <= 40)
            // The test in the comment is one that passes.
            let test = lines.drop { !$0.hasPrefix("--   test(") }.map { $0.dropFirst(5) }.joined(separator: "\n")
            try core.core.write(test, to: "mine_test.lua")
            let tested = try TidegateProcess.run(["script", "test", path + "_test.lua"])
            #expect(tested.status == 0 && tested.output.contains("1 test in 1 file: all passed"), "\(tested)")
        }
    }

    @Test func checkTellsWhenNoConfigurationWasGiven() async throws {
        try await offPool {
            let core = try ScriptedCore()
            let file = core.core.folder.path + "/looks.lua"
            try core.core.write("for _ in ipairs(users.list('vless-in')) do end", to: "looks.lua")
            let empty = try TidegateProcess.run(["script", "check", file])
            #expect(empty.status == 1 && empty.errors.contains("handler not found: vless-in"), "\(empty)")
            #expect(empty.errors.contains("no configuration was given, so the core is empty"), "\(empty)")
            let full = try TidegateProcess.run(["script", "check", file, "-c", core.configuration])
            #expect(full.status == 0 && full.errors.isEmpty, "\(full)")
            try core.core.write("users.list('none')", to: "looks.lua")
            let other = try TidegateProcess.run(["script", "check", file, "-c", core.configuration])
            #expect(other.status == 1 && !other.errors.contains("no configuration"), "\(other)")
        }
    }

    @Test(arguments: [
        ("user.online", "first connection"), ("events", "flow.closed { id,"), ("on", "user.offline { email, source }"),
        ("log", "log.rotate{"), ("log", "error log"), ("advance", "In tests of scripts"), ("users.list", "Waits: "),
        ("users", "users.list(inbound) -> users   (waits)"),
    ])
    func theReferenceKnows(name: String, part: String) async throws {
        let result = try await offPool { try TidegateProcess.run(["reference", name]) }
        #expect(result.status == 0 && result.output.contains(part), "\(result)")
    }

    @Test func whatIsNotThereIsToldInOneLine() async throws {
        let result = try await offPool { try TidegateProcess.run(["reference", "users.nothing"]) }
        #expect(result.status == 2)
        #expect(
            result.errors == "there is no function or event \"users.nothing\"; `tidegate reference` lists all\n")
    }

    @Test func aCoreThatDoesNotRunIsToldSo() async throws {
        try await offPool {
            let core = try ScriptedCore()
            let result = try core.run(["script", "list"])
            #expect(result.status == 1 && result.errors.hasPrefix("no core is running there: "))
            #expect(result.errors.contains(core.socket))
            let without = try ScriptedCore(automation: #""socket": false"#)
            let nowhere = try without.run(["script", "list"])
            #expect(nowhere.status == 1 && nowhere.errors.contains("names no socket"))
            #expect(try TidegateProcess.run(["script", "list", "-c", "x", "--socket", "y"]).status == 2)
        }
    }

    @Test func twoCoresOfOneConfigurationDoNotTakeEachOthersSocket() async throws {
        try await offPool {
            let core = try ScriptedCore()
            try core.start()
            let attributes = try FileManager.default.attributesOfItem(atPath: core.socket)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            core.core.kill()
            #expect(FileManager.default.fileExists(atPath: core.socket), "SIGKILL leaves the file")
            try core.start()
            #expect(try core.run(["script", "list"]).output == "There are no scripts.\n")
            #expect(core.core.stop() == 0)
            #expect(!FileManager.default.fileExists(atPath: core.socket))
        }
    }
}
