// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// The main job, end to end, with the built executable: a user's traffic is carried, counted, and cut off by the quota
/// script that ships, while others look on through the API.
@Suite(.serialized) struct QuotaScenarioTests {
    static let alice = UUID(uuidString: "b831381d-6324-4d53-ad4f-8cda48b30811")!
    static let bob = UUID(uuidString: "d4a3e3a5-1a4f-4b6e-9d0c-2f6d3a3f8f11")!

    @Test func quotaScriptCutsTheUserAndNobodyElse() async throws {
        try await offPool {
            // What the two exchanges take: the cut comes behind the last byte, not in between.
            let stage = try Stage(plan: "71008B")
            try stage.core.start(waitingFor: stage.api)

            let client = try VLESSClient(proxy: stage.vless, id: Self.alice, target: stage.server.port)
            try client.exchange(up: 1_000, down: 20_000)
            try client.exchange(up: 8, down: 50_000)
            #expect(Wait.until { stage.fails(Self.alice) }, "alice is cut: \(stage.core.output)")
            #expect(Wait.until { stage.isCut(client) }, "her live connection is closed: \(stage.core.output)")
            #expect(stage.succeeds(Self.bob), "bob goes on")

            // A probe whose 8 bytes were carried before it was cut counts, too.
            let up = try #require(try stage.count("user>>>alice@example.com>>>traffic>>>uplink"))
            let least = 1_008 + 8 * stage.probes
            #expect((least...least + 8 * stage.refusals).contains(up) && (up - least).isMultiple(of: 8), "\(up)")
            #expect(try stage.count("user>>>alice@example.com>>>traffic>>>downlink") == 70_000 + stage.probes)
            #expect(stage.core.output.contains("script/quota"), "the script's lines carry its name")
            #expect(stage.core.stop() == 0)
        }
    }

    @Test func whatTheScriptDidOutlivesSIGKILL() async throws {
        try await offPool {
            let stage = try Stage(plan: "70008B")
            try stage.core.start(waitingFor: stage.api)
            let client = try VLESSClient(proxy: stage.vless, id: Self.alice, target: stage.server.port)
            try client.exchange(up: 8, down: 70_000)
            #expect(Wait.until { stage.fails(Self.alice) })
            stage.core.kill()

            try stage.core.start(waitingFor: stage.api)
            #expect(try stage.count("user>>>alice@example.com>>>traffic>>>downlink") == nil, "counters start anew")
            #expect(Wait.until { stage.fails(Self.alice) }, "and yet she stays cut: \(stage.core.output)")
            #expect(stage.succeeds(Self.bob))
            #expect(stage.core.stop() == 0)
        }
    }

    @Test func clientsThatOthersWroteReadTheSameCounters() async throws {
        try await offPool {
            let stage = try Stage(plan: "1GB")
            try stage.core.start(waitingFor: stage.api)
            let client = try VLESSClient(proxy: stage.vless, id: Self.bob, target: stage.server.port)
            try client.exchange(up: 500, down: 12_345)
            let name = "user>>>bob@example.com>>>traffic>>>downlink"
            #expect(try stage.count(name) == 12_345)

            let python = try #require(CommandResult.program("python3"))
            let script = """
                import grpc, sys
                channel = grpc.insecure_channel("127.0.0.1:\(stage.api)", options=[("grpc.enable_http_proxy", 0)])
                call = channel.unary_unary("/xray.app.stats.command.StatsService/GetStats", lambda b: b, lambda b: b)
                name = b"\(name)"
                answer = call(bytes([10, len(name)]) + name, timeout=10)
                value = shift = 0
                for byte in answer[answer.rindex(name) + len(name) + 1:]:
                    value |= (byte & 127) << shift
                    shift += 7
                print(value)
                """
            let read = try CommandResult.of(python, ["-c", script])
            #expect(read.output == "12345\n", "grpcio: \(read.errors)")

            let v2ctl = try #require(CommandResult.program("v2ctl"))
            let query = try CommandResult.of(
                v2ctl,
                [
                    "api", "--server=127.0.0.1:\(stage.api)", "StatsService.QueryStats",
                    "pattern: \"user>>>bob@example.com>>>traffic>>>downlink\" reset: false",
                ])
            #expect(query.output.contains("12345"), "v2ctl: \(query.output) \(query.errors)")
            #expect(stage.core.stop() == 0)
        }
    }

    @Test func v2rayAsClientIsServed() async throws {
        try await offPool {
            let stage = try Stage(plan: "1GB")
            try stage.core.start(waitingFor: stage.api)
            let program = try #require(CommandResult.program("v2ray"))
            let local = try TCPClient.freePort()
            try stage.core.write(
                """
                {"log": {"loglevel": "warning"},
                 "inbounds": [{"listen": "127.0.0.1", "port": \(local), "protocol": "dokodemo-door",
                               "settings": {"address": "127.0.0.1", "port": \(stage.server.port), "network": "tcp"}}],
                 "outbounds": [{"protocol": "vless", "settings": {"vnext": [{"address": "127.0.0.1", "port": \(stage.vless),
                                "users": [{"id": "\(Self.bob.uuidString.lowercased())", "encryption": "none"}]}]}}]}
                """, to: "v2ray.json")
            let v2ray = try ChildProcess(
                program, ["-config", stage.core.folder.appendingPathComponent("v2ray.json").path],
                in: stage.core.folder,
                log: stage.core.folder.appendingPathComponent("v2ray.log"))
            defer { v2ray.end(SIGTERM) }
            #expect(Wait.until { TCPClient.answers(local) })

            let client = try TCPClient(port: local)
            try client.send([0, 0, 0x10, 0, 0, 1, 0, 0] + [UInt8](repeating: 1, count: 4_088))
            #expect(try client.receive(exactly: 65_536).allSatisfy { $0 == 0x64 })
            #expect(try stage.count("user>>>bob@example.com>>>traffic>>>uplink") == 4_096)
            #expect(try stage.count("user>>>bob@example.com>>>traffic>>>downlink") == 65_536)
            #expect(stage.core.stop() == 0)
        }
    }
}

/// A core with two VLESS users, the quota script and an API, and a server behind it.
private final class Stage {
    let server: ByteServer
    let vless: UInt16
    let api: UInt16
    let core: TidegateProcess
    /// How often a probe of `fails` or `isCut` went through after all: 8 bytes up and 1 down each.
    private(set) var probes = 0
    private(set) var refusals = 0

    init(plan: String) throws {
        server = try ByteServer()
        vless = try TCPClient.freePort()
        api = try TCPClient.freePort()
        let script = TidegateProcess.packageRoot.appendingPathComponent("Scripts/quota.lua").path
        core = try TidegateProcess(
            configuration: """
                {"log": {"loglevel": "info", "access": "none"}, "stats": {},
                 "policy": {"levels": {"0": {"statsUserUplink": true, "statsUserDownlink": true}}},
                 "api": {"tag": "api", "listen": "127.0.0.1:\(api)", "services": ["HandlerService", "StatsService"]},
                 "inbounds": [{"tag": "vless-in", "protocol": "vless", "listen": "127.0.0.1", "port": \(vless),
                   "settings": {"decryption": "none", "clients": [
                     {"id": "\(QuotaScenarioTests.alice.uuidString.lowercased())", "email": "alice@example.com"},
                     {"id": "\(QuotaScenarioTests.bob.uuidString.lowercased())", "email": "bob@example.com"}]}}],
                 "outbounds": [{"protocol": "freedom", "settings": {"finalRules": [{"action": "allow"}]}}],
                 "automation": {"store": "@DIR@/state.db", "scripts": [{"name": "quota", "file": "\(script)",
                   "settings": {"inbounds": ["vless-in"], "interval": "100ms",
                                "plans": {"alice@example.com": "\(plan)"}, "default_plan": "10GB"}}]}}
                """)
    }

    deinit { server.stop() }

    func succeeds(_ id: UUID) -> Bool {
        do {
            try VLESSClient(proxy: vless, id: id, target: server.port).exchange(up: 8, down: 1)
            return true
        } catch {
            return false
        }
    }

    /// A new connection of this user is refused (and not merely slow).
    func fails(_ id: UUID) -> Bool {
        do {
            try VLESSClient(proxy: vless, id: id, target: server.port, timeout: 5).exchange(up: 8, down: 1)
            probes += 1
            return false
        } catch {
            refusals += 1
            return true
        }
    }

    /// A live connection of a user is no longer served.
    func isCut(_ client: VLESSClient) -> Bool {
        do {
            try client.exchange(up: 8, down: 1)
            probes += 1
            return false
        } catch {
            refusals += 1
            return true
        }
    }

    /// The value of a counter by `tidegate api stats`; nil when there is none.
    func count(_ name: String) throws -> Int? {
        let result = try TidegateProcess.run(["api", "stats", "-server=127.0.0.1:\(api)", "-name", name])
        guard result.status == 0 else { return nil }
        let answer = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
        let stat = answer?["stat"] as? [String: Any]
        return stat?["value"] as? Int ?? 0
    }
}
