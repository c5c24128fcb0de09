// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import LuaRuntime
import ProxyModel
import Synchronization
import Testing
import XrayProtos

@testable import Automation

struct LibraryTests {
    /// Runs a chunk that logs, and compares the lines without their head.
    private static func expect(
        _ source: String, logs expected: [String], on prepare: (CoreDouble) throws -> Void = { _ in },
        location: SourceLocation = #_sourceLocation
    ) async throws {
        let bench = try ScriptBench()
        try prepare(bench.core)
        let lines = try await bench.run(source).map { $0.replacing("[Info] script/chunk: ", with: "") }
        #expect(lines == expected, sourceLocation: location)
    }

    @Test func everyCallOfTheAPIHasABinding() async throws {
        let bench = try ScriptBench()
        let calls = ControlOperations.all.map { "\(Library.tableName(of: $0.service)).\($0.method)" }
        #expect(calls.count == 29)
        let tests = calls.map { "pcall(\($0), {})" }.joined(separator: "\n")
        let lines = try await bench.run(tests + "\nlog.info('all')")
        #expect(lines == ["[Info] script/chunk: all"])
        let requests = Set(bench.core.state.withLock { $0.requests.map { $0.prefix { $0 != ":" } } }.map(String.init))
        #expect(requests == Set(ControlOperations.all.map(\.requestType)))
    }

    @Test func answersAreTables() async throws {
        try await Self.expect(
            """
            local answer = stats.QueryStats{ pattern = "user>>>", reset = true }
            for _, stat in ipairs(answer.stat) do log.info(stat.name, stat.value, math.type(stat.value)) end
            log.info(stats.GetSysStats().Alloc, stats.GetSysStats{}.Uptime)
            log.info(stats.GetStatsOnlineIpList{ name = "x" }.ips["192.0.2.1"])
            log.info(routing.TestRoute{ RoutingContext = { InboundTag = "in", Network = "UDP" } }.Network)
            """,
            logs: ["user>>>a 0 integer", "user>>>b 9007199254740993 integer", "-1 7", "5", "UDP"]
        ) { core in
            core.state.withLock { $0.counters = ["user>>>a": 0, "user>>>b": 9_007_199_254_740_993, "other": 1] }
        }
    }

    @Test func streamsAreReadOneByOne() async throws {
        try await Self.expect(
            """
            local stream = routing.SubscribeRoutingStats{}
            for _ = 1, 3 do
                local context = stream:next()
                log.info(context and context.InboundTag .. " " .. context.Attributes.host)
            end
            stream:close()
            log.info((select(2, pcall(stream.next, stream))))
            """, logs: ["one example.com", "two example.com", "nil", "stream is closed"])
    }

    @Test(arguments: [
        ("stats.QueryStats{ patern = 'x' }", "QueryStatsRequest has no field 'patern'; it has: pattern, reset"),
        ("stats.QueryStats{ 'x' }", "QueryStatsRequest: fields by name expected, got a list"),
        ("stats.QueryStats{ pattern = 1 }", "QueryStatsRequest.pattern: expected a string"),
        ("stats.QueryStats{ reset = 'yes' }", "QueryStatsRequest.reset: expected a boolean"),
        ("stats.QueryStats{ reset = {} }", "QueryStatsRequest.reset: a single value expected, got a table"),
        ("stats.QueryStats('x')", "bad argument #1 to 'QueryStats' (table expected, got string)"),
        ("stats.GetStats{ name = 'none' }", "none not found."),
        (
            "handler.AlterInbound{ tag = 'in', operation = {} }",
            "a field '_type' that names the message type is missing"
        ),
        ("handler.AlterInbound{ operation = { _type = 'x.Y' } }", "there is no message type \"x.Y\""),
        ("routing.TestRoute{ RoutingContext = { Network = 'IPX' } }", "no value named \"IPX\""),
        ("users.list('none')", "handler not found: none"),
        ("every('1ms', print)", "every: interval 1ms is shorter than 10ms"),
        ("cron('* 25 * * *', print)", "cron: field 2 (hour): 25 is not in 0-23"),
        ("cron('* * * * *', print, { tz = 'Mars/Olympus' })", "there is no time zone \"Mars/Olympus\""),
        (
            "every('1s', print, { overlp = 'skip' })",
            "unknown option 'overlp', known are: at_once, jitter, name, overlap"
        ),
        ("every('1s', print, { overlap = 'maybe' })", "overlap \"maybe\" is not one of skip, replace"),
        ("sleep('soon')", "duration \"soon\": a number is expected"),
        ("flows.close()", "bad argument #1 to 'close' (table expected, got no value)"),
        ("flows.list{ source = 'here' }", "source: not an IP address: \"here\""),
        ("store.set('k', print)", "json: a function cannot be written"),
        ("store.set('', 1)", "store: a key must have 1 to 512 bytes"),
        ("store.set('k', 'x'); store.incr('k')", "store: value of \"k\" is not a number"),
        ("json.decode('[1,')", "json: unexpected end of the text at byte 4"),
        ("stats.get()", "bad argument #1 to 'get' (string expected, got no value)"),
        ("settings.new = 1; settings = nil; log.info(settings.x)", "attempt to index a nil value (global 'settings')"),
    ])
    func misuseIsToldWithTheScriptsLine(source: String, message: String) async throws {
        let bench = try ScriptBench()
        bench.core.addInbound(tag: "in", protocolType: "xray.proxy.vless.inbound.Config")
        let lines = try await bench.run("local ok, text = pcall(function()\n\(source)\nend) log.info(text)")
        let line = try #require(lines.first)
        #expect(line.contains(message), "\(line)")
        #expect(line.contains("chunk.lua:2: "), "\(line)")
    }

    @Test func statisticsHaveShortForms() async throws {
        try await Self.expect(
            """
            log.info(stats.get("a"), stats.get("none"))
            log.info(stats.get("a", { reset = true }), stats.get("a"), stats.get("none", { reset = true }))
            log.info(stats.query("b").b, stats.query("b").a)
            local t = users.traffic("u@x")
            log.info(t.up, t.down, t.total, users.traffic("nobody").total)
            """, logs: ["5 nil", "5 0 nil", "6 nil", "3 4 7 0"]
        ) { core in
            core.state.withLock { $0.counters = ["a": 5, "b": 6] }
            core.setTraffic("u@x", up: 3, down: 4)
        }
    }

    @Test func usersAreListedAddedAndRemoved() async throws {
        try await Self.expect(
            """
            local user = users.get("in", "a@x")
            log.info(user.email, user.level, user.protocol, user.account.id, user.account.flow)
            log.info(users.get("in", "none"), users.count("in"), #users.list("in"))
            log.info(users.remove("in", "a@x"))
            log.info(users.remove("in", "a@x"))
            log.info(users.add("in", user), users.add("in", user))
            log.info(users.add("in", { email = "b@x", id = "b831381d-6324-4d53-ad4f-8cda48b30811", level = 2 }))
            local b = users.get("in", "b@x")
            log.info(b.protocol, b.level, b.account.id)
            log.info(users.add("ss", { email = "c@x", password = "secret", method = "aes-256-gcm" }))
            log.info(users.get("ss", "c@x").account.cipher_type)
            log.info(users.add("none", { email = "c@x", id = "1" }))
            log.info(users.add("none", { email = "c@x", id = "1", protocol = "vless" }))
            """,
            logs: [
                "a@x 1 vless 27848739-7e62-4138-9fd3-098a63964b6b xtls-rprx-vision", "nil 1 1", "true",
                "nil proxy/vless: User a@x not found.", "true nil proxy/vless: User a@x already exists.", "true",
                "vless 2 b831381d-6324-4d53-ad4f-8cda48b30811", "true", "AES_256_GCM", "nil handler not found: none",
                "nil handler not found: none",
            ]
        ) { core in
            core.addInbound(
                tag: "in", protocolType: "xray.proxy.vless.inbound.Config",
                users: [try CoreDouble.vlessUser("a@x", id: "27848739-7e62-4138-9fd3-098a63964b6b")])
            core.addInbound(tag: "ss", protocolType: "xray.proxy.shadowsocks.ServerConfig")
        }
    }

    @Test func listsAndFlowsAreTables() async throws {
        try await Self.expect(
            """
            log.info(inbounds.list()[1].tag, inbounds.list()[1].protocol, #outbounds.list(), #rules.list())
            local flow = flows.list{ email = "a@x" }[1]
            log.info(flow.id, flow.source, flow.target, flow.up, flow.down, flow.age)
            log.info(#flows.list(), flows.close{ email = "a@x" }, #flows.list{})
            """,
            logs: ["in vless 0 0", "7 192.0.2.1:5 tcp:example.com:443 10 20 1.5", "1 1 0"]
        ) { core in
            core.addInbound(tag: "in", protocolType: "xray.proxy.vless.inbound.Config")
            let source = Endpoint(ip: try #require(IPAddress("192.0.2.1")), port: 5)
            let summary = FlowSummary(
                id: 7, inbound: "in", outbound: "direct", email: "a@x", source: source,
                target: Destination(network: .tcp, address: .domain("example.com"), port: 443))
            core.state.withLock { $0.flows = [FlowReport(summary: summary, uplink: 10, downlink: 20, age: 1.5)] }
        }
    }

    @Test func theStoreKeepsWhatJSONCanHold() async throws {
        try await Self.expect(
            """
            store.set("t", { a = { 1, 2.5, "x", true }, b = { c = {} } })
            local t = store.get("t")
            log.info(math.type(t.a[1]), t.a[2], t.a[3], t.a[4], type(t.b.c), store.get("none"))
            log.info(store.incr("n"), store.incr("n", 4), store.incr("n", 0.5))
            store.set("p/1", 1) store.set("p/2", 2, "1h")
            log.info(table.concat(store.keys("p/"), ","), store.list("p/")["p/2"])
            log.info(store.delete("p/1"), store.delete("p/1"))
            store.set("p/2", nil)
            log.info(#store.keys("p/"))
            """, logs: ["integer 2.5 x true table nil", "1 5 5.5", "p/1,p/2 2", "true false", "0"])
    }

    @Test func aTransactionIsAllOrNothing() async throws {
        try await Self.expect(
            """
            store.set("a", 1)
            log.info(pcall(store.transaction, function()
                store.set("a", 2) store.set("b", 3)
                log.info(store.get("a"), store.incr("a"), store.delete("a"), store.get("a"), #store.keys(""))
                error("no", 0)
            end))
            log.info(store.get("a"), store.get("b"))
            log.info(store.transaction(function() store.set("a", 5) store.delete("b") store.set("c", 6) return "x", 2 end))
            log.info(store.get("a"), store.get("c"))
            log.info(pcall(store.transaction, function() sleep(1) end))
            log.info(pcall(store.transaction, function() store.transaction(print) end))
            """,
            logs: [
                "2 3 true nil 1", "false no", "1 nil", "x 2", "5 6",
                "false chunk.lua:10: sleep: waiting is not possible inside store.transaction",
                "false chunk.lua:11: store.transaction: already inside one",
            ])
    }

    @Test func timeAndSizesAreHelpers() async throws {
        try await Self.expect(
            """
            log.info(time.now(), time.format(0, "%F %T %z %a %j", "UTC"), time.format(1774746000, "%H:%M %z", "Europe/Berlin"))
            log.info(size("1.5GB"), size(7), size_text(1536), duration("1h30m"), duration(2))
            log.info(time.format(cron_next("0 0 1 * *", "UTC"), "%F"), time.format(0, "%q%%"))
            log.info(json.encode{ 1, { b = "ü\\n", a = 0.1 } }, json.decode('{"x":[1,1.0,null,"\\\\u00e4\\\\ud83d\\\\ude00"]}').x[4])
            """,
            logs: [
                "1767225600.0 1970-01-01 00:00:00 +0000 Thu 001 03:00 +0200", "1610612736 7 1.50 kB 5400.0 2.0",
                "2026-02-01 %q%", #"[1,{"a":0.1,"b":"ü\n"}] ä😀"#,
            ])
    }

    @Test func aSettingsTableIsGiven() async throws {
        let bench = try ScriptBench()
        let lines = try await bench.run(
            "log.info(settings.a.b[2], settings.c) log.warning('careful') print('said', 1)",
            settings: #"{ "a": { "b": [1, 2] } }"#)
        #expect(
            lines == ["[Info] script/chunk: 2 nil", "[Warning] script/chunk: careful", "[Info] script/chunk: said\t1"])
    }

    @Test func aScheduleCanBeCancelled() async throws {
        let bench = try ScriptBench()
        let script = try bench.write(
            "chunk",
            """
            local handle
            handle = every("1s", function() log.info("ran", handle:name()) handle:cancel() end, { name = "n" })
            """)
        let automation = try await bench.start(script)
        await bench.pass(.seconds(3), automation)
        #expect(bench.core.log.dropFirst() == ["[Info] script/chunk: ran n"])
        #expect(await automation.status(of: "chunk")?.schedules.isEmpty == true)
        await automation.stop()
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":}", "{\"a\" 1}", "{a:1}", "01", "1.", "-", "1e", "\"\\x\"", "\"\\ud800\"", "\"\n\"",
        "tru",
        "nul", "[1] 2", "1e999", String(repeating: "[", count: 100_000), "\"abc",
    ])
    func textThatIsNoJSONIsRefused(text: String) {
        #expect(throws: LuaError.self) { try LuaJSON.decode(text) }
    }
}
