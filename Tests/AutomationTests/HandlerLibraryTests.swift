// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyConfig
import Synchronization
import Testing

@testable import Automation

struct HandlerLibraryTests {
    /// Runs a chunk in a process that understands the configuration; tells what it logs, and what the core was asked.
    private static func run(_ source: String) async throws -> (lines: [String], requests: [String]) {
        let bench = try ScriptBench()
        let automation = try await bench.start(bench.write("chunk", source)) { settings in
            settings.objects = ConfigurationObjects(
                inbound: { try ConfigurationParts.inbound(from: JSONDocument(text: $0).root) },
                outbound: { try ConfigurationParts.outbound(from: JSONDocument(text: $0).root) },
                rule: { try ConfigurationParts.rule(from: JSONDocument(text: $0).root) })
        }
        await automation.quiet()
        await automation.stop(grace: .zero)
        let lines = bench.core.log.filter { !$0.contains("loaded, ") }.map {
            $0.replacing("[Info] script/chunk: ", with: "")
        }
        return (lines, bench.core.state.withLock { $0.requests })
    }

    @Test func inboundsAndOutboundsAreAddedAsTheConfigurationSpellsThem() async throws {
        let (lines, requests) = try await Self.run(
            """
            local socks = { tag = "in", listen = "127.0.0.1", port = 1080, protocol = "socks", settings = { udp = true } }
            log.info(inbounds.add(socks))
            handler.AddInbound(socks)
            handler.AddInbound{ inbound = socks }
            log.info(outbounds.add{ tag = "out", protocol = "freedom" })
            handler.AddOutbound{ protocol = "blackhole", tag = "block" }
            log.info(inbounds.remove("in"), outbounds.remove("out"))
            log.info(inbounds.remove("other"))
            """)
        #expect(lines == ["true", "true", "true true", "nil handler not found: other"])
        let added = requests.filter { $0.contains("AddInboundRequest") }
        #expect(added.count == 3 && Set(added).count == 1)
        #expect(added[0].contains("xray.proxy.socks.ServerConfig") && added[0].contains("tag: \"in\""))
        let outbounds = requests.filter { $0.contains("AddOutboundRequest") }
        #expect(outbounds.count == 2 && outbounds[1].contains("xray.proxy.blackhole.Config"))
    }

    @Test func rulesAreAddedAsTheConfigurationSpellsThem() async throws {
        let (lines, requests) = try await Self.run(
            """
            local rule = { ruleTag = "r", domain = { "domain:example.com" }, outboundTag = "out" }
            log.info(rules.add(rule), rules.add({ rule, rule }, { replace = true }), rules.remove("r"))
            routing.AddRule(rule)
            routing.AddRule{ rules = { rule }, shouldAppend = false }
            """)
        #expect(lines == ["true true true"])
        let added = requests.filter { $0.contains("AddRuleRequest") }
        #expect(added.map { $0.contains("shouldAppend: true") } == [true, false, true, false])
    }

    @Test func balancersAreSetAndReleased() async throws {
        let (lines, requests) = try await Self.run(
            """
            log.info(balancers.get("b").override, #balancers.get("b").targets)
            log.info(balancers.override("b", "out"), balancers.release("b"))
            log.info(log.restart(), #users.online(), users.ips("a")["192.0.2.1"])
            """)
        #expect(lines == ["b 0", "true true", "true 0 5"])
        #expect(requests.filter { $0.contains("OverrideBalancerTargetRequest") }.count == 2)
    }

    @Test(arguments: [
        ("inbounds.add{ protocol = 'socks', port = 'x' }", "inbound: port"),
        ("outbounds.add{ protocol = 'nothing' }", "outbound: protocol"),
        ("rules.add{ domain = { 'x' }, outboundTag = 1 }", "rule: outboundTag"),
        ("balancers.override('b', '')", "a tag expected; balancers.release sets it free"),
    ])
    func mistakesAreNamed(call: String, message: String) async throws {
        let (lines, _) = try await Self.run("log.info(select(2, pcall(function() \(call) end)))")
        #expect(lines.first?.contains(message) == true, "\(lines)")
    }

    @Test func withoutTheConfigurationObjectsAreRefused() async throws {
        let lines = try await ScriptBench().run(
            "log.info(select(2, pcall(inbounds.add, { protocol = 'socks', port = 1 })))")
        #expect(lines.first?.contains("objects of the configuration are not understood here") == true)
    }
}
