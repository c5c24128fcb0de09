// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Automation

/// What scripts declare at their top.
struct SettingsTests {
    /// What the log says after a script with this declaration has met these settings; the script logs `result`.
    private func told(_ declaration: String, _ settings: String, result: String = "") async throws -> [String] {
        let bench = try ScriptBench()
        var script = try bench.write("chunk", "local s = settings { \(declaration) }\nlog.info(\(result))")
        script.settings = settings
        let automation = try await bench.start(script)
        await automation.quiet()
        let isRunning = await automation.status(of: "chunk")?.phase == .running
        await automation.stop(grace: .zero)
        #expect(isRunning == !bench.core.log.contains { $0.hasPrefix("[Error]") })
        return bench.core.log.filter { !$0.contains("loaded, ") }.map { $0.replacing("script/chunk: ", with: "") }
    }

    @Test(arguments: [
        (#"a = { type = "size" }"#, #"{"a":"1.5kB"}"#, "1536"), (#"a = "size""#, #"{"a":7}"#, "7"),
        (#"a = { type = "duration" }"#, #"{"a":"1h30m"}"#, "5400"), (#"a = "duration""#, #"{"a":"250ms"}"#, "0.25"),
        (#"a = "integer""#, #"{"a":-3}"#, "-3"), (#"a = "number""#, #"{"a":0.5}"#, "0.5"),
        (#"a = "boolean""#, #"{"a":false}"#, "false"), (#"a = "string""#, #"{"a":"x"}"#, "x"),
        (#"a = "zone""#, #"{"a":"Asia/Tokyo"}"#, "Asia/Tokyo"), (#"a = "cron""#, #"{"a":"0 3 * * *"}"#, "0 3 * * *"),
        (#"a = "date""#, #"{"a":"2026-03-31 18:00"}"#, "2026-03-31 18:00"),
        (#"a = { type = "choice", of = { "on", "off" } }"#, #"{"a":"off"}"#, "off"),
        (#"a = { type = "size", also = "unlimited" }"#, #"{"a":"unlimited"}"#, "unlimited"),
        (#"a = { type = "list", of = "duration" }"#, #"{"a":["1s","2m"]}"#, "[1,120]"),
        (#"a = { type = "map", of = { type = "list", of = "integer" } }"#, #"{"a":{"x":[1,2]}}"#, #"{"x":[1,2]}"#),
        (
            #"a = { type = "record", fields = { n = "integer", s = { type = "size", default = "1kB" } } }"#,
            #"{"a":{"n":1}}"#, #"{"n":1,"s":1024}"#
        ),
        (#"a = { type = "size", default = "2kB" }"#, "{}", "2048"), (#"a = "size""#, "{}", "nil"),
        (#"a = { type = "integer", default = 5 }"#, #"{"a":null}"#, "5"),
    ])
    func valuesReachTheScriptConverted(declaration: String, settings: String, value: String) async throws {
        #expect(try await told(declaration, settings, result: "s.a") == ["[Info] \(value)"])
    }

    @Test(arguments: [
        (#"a = "size""#, #"{"a":"much"}"#, #"a: a size such as "50GB" is expected, found "much""#),
        (#"a = "size""#, #"{"a":-1}"#, #"a: a size such as "50GB" is expected, found -1"#),
        (#"a = "duration""#, #"{"a":true}"#, #"a: a duration such as "1h30m" is expected, found true"#),
        (#"a = "integer""#, #"{"a":1.5}"#, "a: an integer is expected, found 1.5"),
        (#"a = "boolean""#, #"{"a":"yes"}"#, #"a: true or false is expected, found "yes""#),
        (
            #"a = "cron""#, #"{"a":"every day"}"#,
            #"a: a cron expression such as "0 3 * * *" is expected, found "every day""#
        ),
        (#"a = "zone""#, #"{"a":"Moon"}"#, #"a: a time zone such as "Europe/Berlin" is expected, found "Moon""#),
        (#"a = "date""#, #"{"a":"2026-02-30"}"#, #"a: a date such as "2026-03-31" or "2026-03-31 18:00" is expected"#),
        (
            #"a = { type = "choice", of = { "on", "off" } }"#, #"{"a":"dim"}"#,
            #"a: "on" or "off" is expected, found "dim""#
        ),
        (
            #"a = { type = "size", also = "unlimited" }"#, #"{"a":"none"}"#,
            #"a: a size such as "50GB" or "unlimited" is expected, found "none""#
        ),
        (
            #"a = { type = "number", min = 1, max = 100 }"#, #"{"a":101}"#,
            "a: a number from 1 to 100 is expected, found 101"
        ),
        (
            #"a = { type = "duration", min = "1s" }"#, #"{"a":"10ms"}"#,
            #"a: a duration such as "1h30m" of at least 1s is expected, found "10ms""#
        ),
        (
            #"plans = { type = "map", of = "size" }"#, #"{"plans":{"a@b":"1 yard"}}"#,
            #"plans["a@b"]: a size such as "50GB" is expected, found "1 yard""#
        ),
        (
            #"a = { type = "size", min = math.maxinteger }"#, #"{"a":1}"#,
            #"a: a size such as "50GB" of at least 8192.00 PB is expected, found 1"#
        ),
        (#"a = { type = "list", of = "integer" }"#, #"{"a":[1,"2"]}"#, #"a[2]: an integer is expected, found "2""#),
        (#"a = { type = "list", of = "integer" }"#, #"{"a":{"x":1}}"#, "a: a list is expected, found a table"),
        (#"a = { type = "record", fields = { n = "integer" } }"#, #"{"a":{"m":1}}"#, "a.m: there is no such setting"),
        (#"a = { type = "string", required = true }"#, "{}", "a: missing; a text is expected"),
        (#"a = "string", b = "string""#, #"{"c":1}"#, "c: there is no such setting; there are: a, b"),
        (#"a = "integer", b = "integer""#, #"{"a":"x","b":"y"}"#, #"found "x"; b: an integer"#),
        (#"a = "string""#, "[1]", "settings have names, found 1"),
    ])
    func whatDoesNotFitIsNamedAndTheScriptIsNotLoaded(
        declaration: String, settings: String, problem: String
    ) async throws {
        let lines = try await told(declaration, settings)
        #expect(lines.count == 1)
        #expect(lines.first?.hasPrefix("[Error] not loaded: settings: ") == true, "\(lines)")
        #expect(lines.first?.contains("traceback") == false, "\(lines)")
        #expect(lines.first?.contains(problem) == true, "\(lines)")
    }

    @Test(arguments: [
        (#"a = "colour""#, #"a: there is no type "colour""#), (#"a = {}"#, "a: type is missing"),
        (#"a = { type = "list" }"#, "a: of, the type of its values, is missing"),
        (#"a = { type = "choice" }"#, "a: of = { … } with the words to choose from is missing"),
        (#"a = { type = "integer", defualt = 1 }"#, #"a: there is no "defualt" in a declaration"#),
        (#"a = { type = "integer", default = "x" }"#, #"a: default: an integer is expected, found "x""#),
        (#"a = { type = "integer", default = 1, required = true }"#, "a: required, so it has no default"),
        (#"a = { type = "size", max = "big" }"#, "a: max is not a value of the type size"),
        (#""a""#, "each needs a name"),
    ])
    func mistakesInTheDeclarationAreNamed(declaration: String, problem: String) async throws {
        let lines = try await told(declaration, "{}")
        #expect(lines.first?.contains(problem) == true, "\(lines)")
    }

    @Test func declarationsNestedTooDeepAreRefused() async throws {
        let nested =
            String(repeating: #"{ type = "list", of = "#, count: 20) + #""size""# + String(repeating: " }", count: 20)
        #expect(try await told("a = \(nested)", "{}").first?.contains("nested deeper than 8") == true)
    }

    @Test func aScriptWithoutADeclarationFindsTheTableAsItIs() async throws {
        let bench = try ScriptBench()
        #expect(
            try await bench.run("log.info(settings.a, settings.b.c)", settings: #"{"a":"50GB","b":{"c":1}}"#) == [
                "[Info] script/chunk: 50GB 1"
            ])
    }

    @Test func theDeclarationIsPartOfTheScriptsStatus() async throws {
        let bench = try ScriptBench()
        var script = try bench.write(
            "chunk",
            """
            local s = settings {
                plans = { type = "map", of = "size", default = { x = "1GB" }, doc = "who gets what" },
                at = { type = "cron", required = true },
            }
            """)
        script.settings = #"{"at":"@daily"}"#
        let automation = try await bench.start(script)
        let settings = try #require(await automation.status(of: "chunk")?.settings)
        #expect(settings.map(\.name) == ["at", "plans"])
        #expect(settings.map(\.type) == ["cron", "map of size"])
        #expect(settings.map(\.isRequired) == [true, false])
        #expect(settings.map(\.doc) == ["", "who gets what"])
        #expect(settings.map(\.fallback) == [nil, #"{"x":"1GB"}"#])
        #expect(settings.map(\.value) == [#""@daily""#, nil])
        await automation.stop()
    }

    @Test(arguments: [
        ("2026-03-31", "UTC", 1_774_915_200), ("2026-03-31 18:00", "UTC", 1_774_980_000),
        ("2026-03-31T18:00:30", "Europe/Berlin", 1_774_972_830), ("2026-03-29 02:30", "Europe/Berlin", 1_774_746_000),
        ("1969-12-31 23:59:59", "UTC", -1),
    ])
    func timesAreReadInTheirZone(text: String, zone: String, instant: Int) async throws {
        let bench = try ScriptBench()
        #expect(
            try await bench.run("log.info(('%d'):format(time.parse('\(text)', '\(zone)')))") == [
                "[Info] script/chunk: \(instant)"
            ])
    }

    @Test(arguments: [
        "", "2026", "2026-3-1", "2026-02-29", "2026-13-01", "0000-01-01", "2026-01-01 24:00", "2026-01-01 1:00",
        "2026-01-01 10:60", "2026-01-01 10:00:60", "2026-01-01  10:00", "+026-01-01", "2026-01-01 10:00 UTC",
        "２０２６-01-01",
    ])
    func whatIsNoTimeIsRefused(text: String) {
        #expect(CivilTime(parsing: text) == nil)
    }
}
