// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyModel
import Telemetry
import Testing

@testable import Automation

struct EventTests {
    private static func lines(_ bench: ScriptBench) -> [String] {
        bench.core.log.filter { !$0.contains("loaded, ") }.map { $0.replacing("[Info] script/chunk: ", with: "") }
    }

    private static let flow = FlowSummary(
        id: 7, inbound: "in", outbound: "out", email: "A@x", source: Endpoint(ip: .loopbackV4, port: 9),
        target: Destination(network: .tcp, address: .domain("example.com"), port: 443))

    /// Runs a script, lets the events happen, and tells what it has logged.
    private static func told(
        _ source: String, events: [CoreEvent.Kind], location: SourceLocation = #_sourceLocation
    ) async throws -> [String] {
        let bench = try ScriptBench()
        let automation = try await bench.start(bench.write("chunk", source))
        await automation.quiet()
        for event in events { bench.core.bus.publish(event) }
        await automation.quiet()
        await automation.stop(grace: .zero)
        return lines(bench)
    }

    @Test func scriptsTellEachOther() async throws {
        let bench = try ScriptBench()
        let listener = try bench.write(
            "listener",
            """
            on("script.user_*", { email = "A@x" }, function(e) log.info(e.name, e.email, e.script, e.n) end)
            on("*", function(e) log.info("never", e.name) end)
            """)
        let speaker = try bench.write(
            "speaker",
            """
            after("1s", function()
                events.raise("script.user_cut", { email = "a@x", n = 1 })
                events.raise("script.user_cut", { email = "b@x" })
                events.raise("script.other", { email = "a@x" })
                for _, name in ipairs{ "user.added", "script.*", "script." .. ("x"):rep(100) } do
                    log.info(pcall(events.raise, name))
                end
            end)
            """)
        let automation = try await bench.start(listener, speaker)
        await bench.pass(.seconds(2), automation)
        await automation.stop(grace: .zero)
        #expect(bench.core.log.contains("[Info] script/listener: script.user_cut a@x speaker 1"))
        #expect(bench.core.log.filter { $0.contains("script/listener: ") && !$0.contains("loaded") }.count == 1)
        #expect(bench.core.log.filter { $0.contains("script/speaker: false") }.count == 3)
    }

    @Test func eventsArriveInTheirOrderWithTheirFields() async throws {
        let lines = try await Self.told(
            """
            on("*", function(e)
                local text = {}
                for name, value in pairs(e) do
                    if type(value) == "table" then value = table.concat(value, "+") end
                    text[#text + 1] = name .. "=" .. tostring(value)
                end
                table.sort(text)
                log.info(table.concat(text, " "))
            end)
            """,
            events: [
                .userAdded(inbound: "in", email: "a@x"), .userOnline(email: "a@x", source: .loopbackV6),
                .connectionRejected(inbound: "in", source: .loopbackV4, reason: "invalid user"),
                .flowOpened(Self.flow), .flowClosed(Self.flow, uplink: 1, downlink: 2), .rulesChanged,
                .balancerChanged(tag: "b", target: "t", outbounds: ["t", "u"]), .inboundRemoved(tag: "in"),
                .outboundAdded(tag: "o"),
                .logLine(level: .warning, text: "[Warning] [12] app/dispatcher: something: odd"), .loggerRestarted,
                .configurationReloaded(changes: 2, by: "SIGHUP"),
            ])
        #expect(
            lines == [
                "email=a@x inbound=in name=user.added", "email=a@x name=user.online source=::1",
                "inbound=in name=connection.rejected reason=invalid user source=127.0.0.1",
                "email=A@x id=7 inbound=in name=flow.opened outbound=out source=127.0.0.1:9 target=tcp:example.com:443",
                "down=2 email=A@x id=7 inbound=in name=flow.closed outbound=out source=127.0.0.1:9"
                    + " target=tcp:example.com:443 up=1",
                "name=rule.changed", "name=balancer.changed outbounds=t+u tag=b target=t",
                "name=inbound.removed tag=in",
                "name=outbound.added tag=o",
                "level=warning message=something: odd module=app/dispatcher name=log", "name=logger.restarted",
                "by=SIGHUP changes=2 name=config.reloaded",
            ])
    }

    @Test func filtersSayWhatTheFieldsMustBe() async throws {
        let lines = try await Self.told(
            """
            on("user.added", { email = "*@TRIAL.example" }, function(e) log.info("trial", e.email) end)
            on("user.*", { email = { "a@x", "b@x" } }, function(e) log.info(e.name, e.email) end)
            on("log", { level = "warning" }, function(e) log.info("line", e.level) end)
            """,
            events: [
                .userAdded(inbound: "in", email: "a@x"), .userAdded(inbound: "in", email: "Z@trial.example"),
                .userRemoved(inbound: "in", email: "B@x"), .userRemoved(inbound: "in", email: "c@x"),
                .logLine(level: .info, text: "i"), .logLine(level: .error, text: "e"),
            ])
        #expect(lines.sorted() == ["line error", "trial Z@trial.example", "user.added a@x", "user.removed B@x"])
    }

    @Test func oneEventIsHandledAfterTheOther() async throws {
        let bench = try ScriptBench()
        let automation = try await bench.start(
            bench.write(
                "chunk",
                """
                on("inbound.added", function(e)
                    log.info("in", e.tag)
                    sleep("1s")
                    log.info("out", e.tag)
                end)
                """))
        for tag in ["a", "b"] { bench.core.bus.publish(.inboundAdded(tag: tag)) }
        await bench.pass(.seconds(3), automation)
        #expect(Self.lines(bench) == ["in a", "out a", "in b", "out b"])
        #expect(await automation.status(of: "chunk")?.subscriptions.first?.runs == 2)
        await automation.stop()
    }

    @Test func whatDoesNotFitIsDroppedAndTold() async throws {
        let bench = try ScriptBench()
        let automation = try await bench.start(
            bench.write(
                "chunk",
                """
                on("inbound.added", function(e)
                    log.info(e.tag, e.dropped)
                    sleep("1s")
                end, { buffer = 2, name = "busy" })
                """))
        bench.core.bus.publish(.inboundAdded(tag: "0"))
        await automation.quiet()
        for tag in 1...5 { bench.core.bus.publish(.inboundAdded(tag: "\(tag)")) }
        await bench.pass(.seconds(3), automation)
        #expect(
            Self.lines(bench) == [
                "0 nil", "[Warning] script/chunk: busy: 3 events were dropped, they come too fast", "4 3", "5 nil",
            ])
        #expect(await automation.status(of: "chunk")?.subscriptions.first?.skipped == 3)
        await automation.stop()
    }

    @Test func aFailingHandlerGetsTheNextEventAllTheSame() async throws {
        let lines = try await Self.told(
            """
            on("inbound.added", function(e)
                if e.tag == "a" then error("no") end
                log.info(e.tag)
            end)
            """, events: [.inboundAdded(tag: "a"), .inboundAdded(tag: "b")])
        #expect(lines.last == "b")
        #expect(lines.first?.contains("on inbound.added failed: chunk.lua:2: no") == true)
    }

    @Test func aCancelledSubscriptionIsSilent() async throws {
        let lines = try await Self.told(
            """
            local mine
            mine = on("inbound.added", function(e) log.info(e.tag, mine:name()) mine:cancel() end)
            """, events: [.inboundAdded(tag: "a"), .inboundAdded(tag: "b")])
        #expect(lines == ["a on inbound.added"])
    }

    @Test func aRunWaitsForAnEventOrForTheTimeOut() async throws {
        let bench = try ScriptBench()
        let automation = try await bench.start(
            bench.write(
                "chunk",
                """
                after("0s", function()
                    local event = events.wait("user.added", { email = "b" }, "10s")
                    log.info("got", event and event.email, time.uptime())
                    log.info("none", events.wait("user.added", "5s"), time.uptime())
                    log.info("none", events.wait("user.added", nil, 1), time.uptime())
                end)
                """))
        await bench.pass(.seconds(1), automation)
        bench.core.bus.publish(.userAdded(inbound: "in", email: "a"))
        bench.core.bus.publish(.userAdded(inbound: "in", email: "b"))
        await automation.quiet()
        await bench.pass(.seconds(20), automation)
        #expect(Self.lines(bench) == ["got b 1.0", "none nil 6.0", "none nil 7.0"])
        await automation.stop()
    }

    @Test func aStoppedScriptNoLongerWaits() async throws {
        let bench = try ScriptBench()
        let automation = try await bench.start(bench.write("chunk", "events.wait('user.added') log.info('no')"))
        await automation.quiet()
        await automation.stop(grace: .seconds(5))
        #expect(Self.lines(bench) == ["main killed: stop"])
        #expect(!bench.core.bus.hasSubscribers)
    }

    @Test func scriptsAreToldOfTheirOwnLife() async throws {
        let bench = try ScriptBench()
        let source = """
            on("start", function(e) log.info(e.name, e.reason) end)
            on("stop", function(e) log.info(e.name, e.reason) end)
            """
        let automation = try await bench.start(bench.write("chunk", source))
        await automation.quiet()
        await automation.reload("chunk")
        await automation.quiet()
        await automation.stop()
        #expect(
            Self.lines(bench).filter { !$0.hasPrefix("reloaded") }.sorted() == [
                "start reload", "start start", "stop reload", "stop stop",
            ])
    }

    @Test func countersRaiseEventsAsTheyAreCounted() async throws {
        let bench = try ScriptBench()
        let automation = try await bench.start(
            bench.write(
                "chunk",
                """
                stats.watch("user>>>*>>>traffic>>>*", size("1k"), function(e)
                    log.info(e.name, e.email, e.counter, e.value, e.threshold)
                end)
                stats.watch("inbound>>>in>>>traffic>>>uplink", 5, function(e) log.info(e.tag, e.value) end, { name = "five" })
                """))
        bench.core.stats.counter("user>>>a>>>traffic>>>uplink").add(1000)
        bench.core.stats.counter("user>>>a>>>traffic>>>downlink").add(23)
        bench.core.stats.counter("inbound>>>in>>>traffic>>>uplink").add(5)
        await automation.quiet()
        #expect(Self.lines(bench) == ["in 5"])
        bench.core.stats.counter("user>>>a>>>traffic>>>uplink").add(1)
        await automation.quiet()
        #expect(Self.lines(bench).last == "counter.crossed a user>>>a>>>traffic 1024 1024")
        #expect(
            await automation.status(of: "chunk")?.subscriptions.map(\.trigger) == [
                "watch user>>>*>>>traffic>>>* 1.00 kB", "watch inbound>>>in>>>traffic>>>uplink 5 B",
            ])
        await automation.stop()
    }

    @Test(arguments: [
        ("on('user.nothing', print)", "there is no event \"user.nothing\"; there are: user.added"),
        ("on('user.added', { tag = 'x' }, print)", "user.added has no field 'tag'; it has: email, inbound"),
        ("on('log', { level = 'loud' }, print)", "level: \"loud\" is not one of error, warning, info, debug"),
        (
            "on('user.added', { email = true }, print)",
            "email: a text, a number or a list of them expected, got boolean"
        ),
        ("on('user.added')", "bad argument #3 to 'on' (function expected, got no value)"),
        ("on('user.added', print, { buffer = 0 })", "buffer: a number from 1 to 100000 expected"),
        ("events.wait('stop')", "events.wait: stop cannot be waited for, use on"),
        ("stats.watch('', 1, print)", "a name or pattern of up to 1024 bytes expected"),
        ("stats.watch('a', 0, print)", "a threshold above 0 expected"),
        ("stats.watch('a', 'x', print)", "size \"x\": a number is expected"),
    ])
    func mistakesAreNamed(call: String, message: String) async throws {
        let bench = try ScriptBench()
        let lines = try await bench.run("log.info(select(2, pcall(function() \(call) end)))")
        #expect(lines.first?.contains(message) == true, "\(lines)")
    }
}
