// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// `tidegate script test`, on files of its own and on the scripts that ship.
struct ScriptTestCommandTests {
    /// Counts a user's bytes once a second.
    private static let counter = """
        local settings = settings { every = { type = "duration", default = "1s" }, user = { type = "string", required = true } }
        every(settings.every, function()
            local total = users.traffic(settings.user).total
            log.info("total", total)
            store.set("total", total)
            if total > 5000 then
                users.remove("in", settings.user)
                flows.close{ email = settings.user }
            end
        end)
        """

    private struct Folder {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("tidegate-\(UUID().uuidString)")

        init(test: String) throws {
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
            try ScriptTestCommandTests.counter.write(
                to: url.appendingPathComponent("counter.lua"), atomically: true, encoding: .utf8)
            try test.write(to: url.appendingPathComponent("counter_test.lua"), atomically: true, encoding: .utf8)
        }

        func run(_ arguments: String...) throws -> CommandResult {
            defer { try? FileManager.default.removeItem(at: url) }
            return try TidegateProcess.run(["script", "test", url.path] + arguments)
        }
    }

    /// Runs one test with these lines as its body, after a core with alice and bob.
    private func run(_ body: String) async throws -> CommandResult {
        try await offPool {
            try Folder(
                test: """
                    test("claim", function()
                    core{ users = { "alice@x", "bob@x" } }
                    \(body)
                    end)
                    """
            ).run()
        }
    }

    @Test func theScriptsThatShipKeepTheirPromises() async throws {
        let folder = TidegateProcess.packageRoot.appendingPathComponent("Scripts").path
        let result = try await offPool { try TidegateProcess.run(["script", "test", folder]) }
        #expect(result.status == 0, "\(result.output)\(result.errors)")
    }

    @Test(arguments: [
        // Time, counters, store, log.
        #"local s = script("counter.lua", { user = "alice@x" }); traffic("alice@x", { up = 10, down = 20 }); advance("2s")"#
            + "\n" + #"expect(s:log()):is{ "[Info] total 30", "[Info] total 30" }; expect(s:stored("total")):is(30)"#
            + "\n" + #"expect(s:keys()):is{ "total" }; expect(time.now()):is(1767225602)"#,
        // A user who is removed cannot connect, and her flows are gone.
        #"script("counter.lua", { user = "alice@x" }); local f = connect("alice@x"); f:move{ down = 9000 }; advance("1s")"#
            + "\n" + #"expect(f:is_open()):is_false(); expect(emails()):is{ "bob@x" }"#
            + "\n"
            + #"local again, why = connect("alice@x"); expect(again):is_nil(); expect(why):contains("has a user alice@x")"#,
        // What a script has called.
        #"local s = script("counter.lua", { user = "alice@x" }); traffic("alice@x", { up = 9000 }); advance("1s")"#
            + "\n" + #"local calls = s:calls("handler.AlterInbound"); expect(calls):counts(1)"#
            + "\n" + #"expect(calls[1].request.tag):is("in"); expect(s:calls("flows.close")):counts(1)"#,
        // Counters begin anew with a process, the store does not, and the configured users are back.
        #"local s = script("counter.lua", { user = "alice@x" }); traffic("alice@x", { up = 9000 }); advance("1s"); restart()"#
            + "\n" + #"expect(s:stored("total")):is(9000); expect(emails()):is{ "alice@x", "bob@x" }"#
            + "\n" + #"advance("1s"); expect(s:stored("total")):is(0)"#,
        // Routing is the core's own.
        #"core{ users = { "alice@x" }, rules = { { domain = { "domain:ads.example" }, outboundTag = "blocked" } } }"#
            + "\n" + #"expect(connect("alice@x", { target = "www.ads.example:80" }).outbound):is("blocked")"#
            + "\n" + #"expect(connect("alice@x", { target = "example.com:80" }).outbound):is("direct")"#,
        // So are online maps, idle limits and counters of inbounds and outbounds.
        #"online("alice@x", "10.0.0.1"); online("alice@x", "10.0.0.2"); online("alice@x", "10.0.0.2")"#
            + "\n"
            + #"local name = "user>>>alice@x>>>online"; expect(stats.GetStatsOnline{ name = name }.stat.value):is(2)"#
            + "\n" + #"offline("alice@x", "10.0.0.1"); expect(stats.GetStatsOnline{ name = name }.stat.value):is(1)"#
            + "\n" + #"advance("6m"); expect(stats.GetStatsOnline{ name = name }.stat.value):is(0)"#,
        #"traffic("bob@x", { up = 1, down = 2 }); expect(stats.query("in>>>")["inbound>>>in>>>traffic>>>downlink"]):is(2)"#
            + "\n" + #"expect(stats.get("outbound>>>direct>>>traffic>>>uplink")):is(1)"#,
        // The clock may be set before a script starts, or under it.
        #"clock("2026-03-29 01:59", "Europe/Berlin"); expect(time.format(time.now(), "%H:%M", "Europe/Berlin")):is("01:59")"#
            + "\n" + #"advance("1m"); expect(time.format(time.now(), "%H:%M", "Europe/Berlin")):is("03:00")"#,
        // Two of one script, by name, and one that is loaded anew.
        #"local a = script("counter.lua", { user = "alice@x" }); local b = script("counter.lua", { user = "bob@x" }, { name = "b" })"#
            + "\n"
            + #"traffic("bob@x", { up = 7 }); advance("1s"); expect(a:stored("total")):is(0); expect(b:stored("total")):is(7)"#
            + "\n"
            + #"expect(a:reload()):is_true(); a:stop(); advance("5s"); expect(a:log()):counts(1); expect(b:log()):counts(6)"#,
        #"expect(function() script("counter.lua") end):fails("user: missing"); expect({ a = { 1, 2 } }):is{ a = { 1, 2 } }"#,
        #"expect("one"):is_not("two"):contains("n"):lacks("x"):matches("^o.e$"); expect(3):at_least(3):at_most(3)"#,
    ])
    func testsThatHoldPass(body: String) async throws {
        let result = try await run(body)
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        #expect(result.output.contains("1 test in 1 file: all passed"))
    }

    @Test(arguments: [
        (#"expect(1 + 1):is(3)"#, "counter_test.lua:3: expected 3", "found 2"),
        (
            #"expect({ b = 1, a = "x" }, "it"):is{}"#, "counter_test.lua:3: it: expected {}",
            #"found { a = "x", b = 1 }"#
        ),
        (
            #"expect({ "one", "two" }):contains("three")"#, #"expected something that contains "three""#,
            #"{ "one", "two" }"#
        ),
        (#"expect(function() end):fails()"#, "expected an error", "found none"),
        (#"expect(function() error("this") end):fails("that")"#, #"an error that contains "that""#, "this"),
        (#"expect({ 1 }):counts(2)"#, "expected 2 elements", "found 1 in { 1 }"),
        (#"traffic("carol@x", { up = 1 })"#, "counter_test.lua:3: ", "no inbound has a user carol@x"),
        (#"script("nothing.lua")"#, "counter_test.lua:3: ", "nothing.lua: cannot be read"),
        (
            #"script("counter.lua", { user = 1 })"#, "counter_test.lua:3: counter.lua: settings: user: ",
            "a text is expected"
        ),
        (#"every("1s", print)"#, "counter_test.lua:3: every: a test has no schedules", "advance"),
        (#"while true do end"#, "counter_test.lua:3: ", "limit of"),
        (#"error("stop here")"#, "counter_test.lua:3: stop here", "FAILED claim"),
    ])
    func aFailureTellsLineExpectationAndValue(body: String, first: String, second: String) async throws {
        let result = try await run(body)
        #expect(result.status == 1, "\(result.output)\(result.errors)")
        #expect(result.output.contains(first), "\(result.output)")
        #expect(result.output.contains(second), "\(result.output)")
        #expect(result.output.contains("1 test in 1 file: 0 passed, 1 failed"))
    }

    @Test func eachTestBeginsAnewAndAFailureHoldsUpNoOther() async throws {
        let test = """
            test("first", function()
                core{ users = { "alice@x" } }
                local s = script("counter.lua", { user = "alice@x" })
                traffic("alice@x", { up = 5 })
                advance("1h")
                expect(s:stored("total")):is(6)
            end)
            test("second", function()
                core{ users = { "alice@x" } }
                local s = script("counter.lua", { user = "alice@x" })
                expect(s:stored("total")):is_nil()
                expect(time.now()):is(1767225600)
                expect(users.traffic("alice@x").total):is(0)
            end)
            """
        let text = try await offPool { try Folder(test: test).run() }
        #expect(text.status == 1)
        #expect(text.output.contains("ok     second"))
        #expect(text.output.contains("script/counter: [Info] total 5"), "a failure shows what was logged")
        let filtered = try await offPool { try Folder(test: test).run("--filter", "second") }
        #expect(filtered.status == 0)
        #expect(filtered.output.contains("1 test in 1 file"))
    }

    @Test func jsonTellsTheSame() async throws {
        struct Report: Decodable {
            struct Test: Decodable {
                var name: String
                var passed: Bool
                var line: Int?
                var message: String?
                var elapsed: Double
            }
            var passed, failed: Int
            var tests: [Test]
        }
        let result = try await offPool {
            try Folder(test: #"test("a", function() advance("1m") end)\#ntest("b", function() expect(1):is(2) end)"#)
                .run("--json")
        }
        let report = try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
        #expect(result.status == 1)
        #expect((report.passed, report.failed) == (1, 1))
        #expect(report.tests.map(\.name) == ["a", "b"])
        #expect(report.tests.map(\.elapsed) == [60, 0])
        #expect(report.tests.map(\.line) == [nil, 2])
        #expect(report.tests.last?.message == "expected 2\nfound 1")
    }

    @Test func whatTheReferenceNamesForTestsIsThere() async throws {
        let page = try String(
            contentsOf: TidegateProcess.packageRoot.appendingPathComponent("Scripts/REFERENCE.md"), encoding: .utf8)
        let section = try #require(page.components(separatedBy: "## In tests of scripts\n").dropFirst().first)
        let names = section.matches(of: #/### `(\w+)`/#).map { String($0.output.1) }
        #expect(names.count > 10)
        let result = try await run(
            names.map { #"expect(type(\#($0)), "\#($0)"):is("function")"# }.joined(separator: "\n"))
        #expect(result.status == 0, "\(result.output)\(result.errors)")
    }

    @Test func aFileThatDoesNotCompileIsOneFailure() async throws {
        let result = try await offPool { try Folder(test: "test('x' function() end)").run() }
        #expect(result.status == 1)
        #expect(result.output.contains("FAILED the file"))
        #expect(result.output.contains("counter_test.lua:1: "))
    }

    @Test(arguments: [["/nowhere"], ["--filter", "nothing at all"], ["--speed"]])
    func aWrongCommandLineIsStatus2(arguments: [String]) async throws {
        let result = try await offPool {
            let folder = try Folder(test: #"test("a", function() end)"#)
            defer { try? FileManager.default.removeItem(at: folder.url) }
            let paths = arguments[0].hasPrefix("/") ? [] : [folder.url.path]
            return try TidegateProcess.run(["script", "test"] + paths + arguments)
        }
        #expect(result.status == 2, "\(result.output)\(result.errors)")
        #expect(!result.errors.isEmpty)
    }
}
