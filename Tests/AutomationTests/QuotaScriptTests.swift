// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import ProxyModel
import Synchronization
import Testing
import XrayProtos

@testable import Automation

/// The script that ships, run as it is.
struct QuotaScriptTests {
    private static let plans = """
        { "plans": { "Alice@example.com": "1MB" }, "inbounds": ["vless-in"], "reset_cron": "*/10 * * * *" }
        """

    private static func script(_ settings: String) -> AutomationSettings.Script {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let path = root.appendingPathComponent("Scripts/quota.lua").path
        var script = AutomationSettings.Script(name: "quota", path: path)
        script.settings = settings
        return script
    }

    private static func populate(_ core: CoreDouble, tags: [String] = ["vless-in"]) throws {
        for tag in tags {
            core.addInbound(
                tag: tag, protocolType: "xray.proxy.vless.inbound.Config",
                users: [
                    try CoreDouble.vlessUser("alice@example.com", id: "27848739-7e62-4138-9fd3-098a63964b6b"),
                    try CoreDouble.vlessUser("bob@example.com", id: "b831381d-6324-4d53-ad4f-8cda48b30811"),
                ])
        }
    }

    private static func addFlow(_ core: CoreDouble, _ email: String) {
        let summary = FlowSummary(
            id: 1, inbound: "vless-in", outbound: "direct", email: email, source: .unspecified,
            target: Destination(network: .tcp, address: .domain("example.com"), port: 443))
        core.state.withLock { $0.flows.append(FlowReport(summary: summary, uplink: 1, downlink: 1, age: 1)) }
    }

    private static func told(_ core: CoreDouble) -> [String] {
        core.log.filter { !$0.contains("loaded, ") }.map { $0.replacing("script/quota: ", with: "") }
    }

    @Test func aUserWhoHasUsedUpThePlanIsCutOff() async throws {
        let bench = try ScriptBench()
        try Self.populate(bench.core)
        Self.addFlow(bench.core, "alice@example.com")
        Self.addFlow(bench.core, "bob@example.com")
        bench.core.setTraffic("bob@example.com", up: 1 << 40, down: 1 << 40)
        let automation = try await bench.start(Self.script(Self.plans))
        await bench.pass(.seconds(4), automation)
        #expect(Self.told(bench.core) == [])

        bench.core.setTraffic("alice@example.com", up: 400_000, down: 500_000)
        await bench.pass(.seconds(6), automation)
        #expect(Self.told(bench.core) == ["[Warning] alice@example.com has used 85 % of the plan of 1.00 MB"])
        #expect(bench.core.emails("vless-in") == ["alice@example.com", "bob@example.com"])

        bench.core.setTraffic("alice@example.com", up: 400_000, down: 800_000)
        await bench.pass(.seconds(6), automation)
        #expect(
            Self.told(bench.core).dropFirst() == [
                "[Warning] alice@example.com has used up the plan of 1.00 MB (1.14 MB used): "
                    + "removed from vless-in, 1 connections closed"
            ])
        #expect(bench.core.emails("vless-in") == ["bob@example.com"])
        #expect(bench.core.state.withLock { $0.flows.map(\.summary.email) } == ["bob@example.com"])
        #expect(bench.core.state.withLock { $0.callers.allSatisfy { $0 == .script(name: "quota") } })
        await automation.stop()
        #expect(!bench.core.log.contains { $0.hasPrefix("[Error]") })
    }

    @Test func whoIsOverStaysRemoved() async throws {
        let bench = try ScriptBench()
        try Self.populate(bench.core)
        bench.core.setTraffic("alice@example.com", up: 1_200_000, down: 0)
        let automation = try await bench.start(Self.script(Self.plans))
        await bench.pass(.seconds(2), automation)
        #expect(bench.core.emails("vless-in") == ["bob@example.com"])
        // Somebody adds the user back.
        try Self.populate(bench.core)
        await bench.pass(.seconds(2), automation)
        #expect(bench.core.emails("vless-in") == ["bob@example.com"])
        #expect(Self.told(bench.core).last?.contains("is still over the plan") == true)
        await automation.stop()
    }

    @Test func usageHoldsAcrossRestarts() async throws {
        let bench = try ScriptBench()
        for (number, up) in [Int64(400_000), 500_000, 300_000].enumerated() {
            // A new process: the users of the configuration are there, the counters begin at 0.
            try Self.populate(bench.core)
            bench.core.setTraffic("alice@example.com", up: 0, down: 0)
            let automation = try await bench.start(Self.script(Self.plans)) { $0.session = "process \(number)" }
            bench.core.setTraffic("alice@example.com", up: up / 2, down: 0)
            await bench.pass(.seconds(2), automation)
            bench.core.setTraffic("alice@example.com", up: up, down: 0)
            await bench.pass(.seconds(2), automation)
            #expect(bench.core.emails("vless-in").count == (number < 2 ? 2 : 1))
            await automation.stop()
        }
        // Cut off, and present again after one more restart without any traffic.
        try Self.populate(bench.core)
        bench.core.setTraffic("alice@example.com", up: 0, down: 0)
        let automation = try await bench.start(Self.script(Self.plans)) { $0.session = "last" }
        await bench.pass(.seconds(2), automation)
        #expect(bench.core.emails("vless-in") == ["bob@example.com"])
        await automation.stop()
    }

    @Test func aReloadOfTheScriptCountsNothingTwice() async throws {
        let bench = try ScriptBench()
        try Self.populate(bench.core)
        bench.core.setTraffic("alice@example.com", up: 600_000, down: 0)
        let automation = try await bench.start(Self.script(Self.plans))
        await bench.pass(.seconds(4), automation)
        #expect(await automation.reload("quota"))
        await bench.pass(.seconds(4), automation)
        #expect(bench.core.emails("vless-in").count == 2)
        await automation.stop()
    }

    @Test func aNewPeriodBringsRemovedUsersBackAsTheyWere() async throws {
        let bench = try ScriptBench()
        try Self.populate(bench.core)
        let before = bench.core.state.withLock { $0.inbounds["vless-in"]?.users.first { $0.email.hasPrefix("alice") } }
        bench.core.setTraffic("alice@example.com", up: 2_000_000, down: 0)
        let automation = try await bench.start(Self.script(Self.plans))
        await bench.pass(.seconds(4), automation)
        #expect(bench.core.emails("vless-in") == ["bob@example.com"])
        await bench.pass(.seconds(600), automation)
        #expect(bench.core.emails("vless-in") == ["alice@example.com", "bob@example.com"])
        let after = bench.core.state.withLock { $0.inbounds["vless-in"]?.users.first { $0.email.hasPrefix("alice") } }
        #expect(after == before)
        #expect(
            Self.told(bench.core).suffix(2) == [
                "[Info] a new period begins: all usage is set to 0", "[Info] alice@example.com is back in vless-in",
            ])
        // The new period has its own sum.
        bench.core.setTraffic("alice@example.com", up: 3_200_000, down: 0)
        await bench.pass(.seconds(2), automation)
        #expect(bench.core.emails("vless-in") == ["bob@example.com"])
        await automation.stop()
        #expect(!bench.core.log.contains { $0.hasPrefix("[Error]") })
    }

    @Test func aPeriodThatBeganWhileNothingRanIsMadeUpFor() async throws {
        let bench = try ScriptBench()
        try Self.populate(bench.core)
        bench.core.setTraffic("alice@example.com", up: 2_000_000, down: 0)
        let first = try await bench.start(Self.script(Self.plans))
        await bench.pass(.seconds(2), first)
        await first.stop()
        bench.clock.setCalendar(by: 3600)
        let second = try await bench.start(Self.script(Self.plans))
        await bench.pass(.seconds(2), second)
        #expect(bench.core.emails("vless-in") == ["alice@example.com", "bob@example.com"])
        await second.stop()
    }

    @Test func patternsAndTheDefaultApplyToAllInboundsWithUsers() async throws {
        let bench = try ScriptBench()
        try Self.populate(bench.core, tags: ["one", "two"])
        bench.core.setTraffic("alice@example.com", up: 5_000, down: 0)
        bench.core.setTraffic("bob@example.com", up: 5_000, down: 0)
        let settings = #"{ "patterns": { "^bob@": "10kB" }, "default_plan": "4kB", "close_flows": false }"#
        let automation = try await bench.start(Self.script(settings))
        await bench.pass(.seconds(2), automation)
        #expect(bench.core.emails("one") == ["bob@example.com"])
        #expect(bench.core.emails("two") == ["bob@example.com"])
        #expect(Self.told(bench.core).contains { $0.contains("removed from one, two, 0 connections closed") })
        await automation.stop()
    }

    @Test(arguments: [
        #"{ "plans": { "a@b": "much" } }"#, #"{ "interval": "soon" }"#, #"{ "reset_cron": "every day" }"#,
    ])
    func settingsThatMakeNoSenseAreRefusedAtLoad(settings: String) async throws {
        let bench = try ScriptBench()
        let automation = try await bench.start(Self.script(settings))
        #expect(await automation.status(of: "quota")?.phase == .failed)
        await automation.stop()
    }
}
