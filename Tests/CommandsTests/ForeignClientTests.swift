// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// The API as clients use it that others wrote. `.ci/install` installs them.
@Suite(.serialized) struct ForeignClientTests {
    private final class Stage {
        let core: TidegateProcess
        let api: UInt16
        let socks: UInt16
        let server: ByteServer

        init() throws {
            server = try ByteServer()
            api = try TCPClient.freePort()
            socks = try TCPClient.freePort()
            let ports = try (0..<4).map { _ in try TCPClient.freePort() }
            core = try TidegateProcess(
                configuration: """
                    {"log": {"loglevel": "warning", "access": "none"}, "stats": {},
                     "api": {"tag": "api", "listen": "127.0.0.1:\(api)", "services": ["HandlerService", "RoutingService",
                       "LoggerService", "StatsService", "ReflectionService", "HealthService", "FlowService"]},
                     "policy": {"levels": {"0": {"statsUserUplink": true, "statsUserDownlink": true, "statsUserOnline": true}},
                       "system": {"statsInboundUplink": true, "statsInboundDownlink": true}},
                     "inbounds": [
                      {"tag": "s5", "listen": "127.0.0.1", "port": \(socks), "protocol": "socks", "settings": {}},
                      {"tag": "vl", "listen": "127.0.0.1", "port": \(ports[0]), "protocol": "vless",
                       "settings": {"decryption": "none", "clients": []}},
                      {"tag": "vm", "listen": "127.0.0.1", "port": \(ports[1]), "protocol": "vmess", "settings": {"clients": []}},
                      {"tag": "tj", "listen": "127.0.0.1", "port": \(ports[2]), "protocol": "trojan", "settings": {"clients": []}},
                      {"tag": "ss", "listen": "127.0.0.1", "port": \(ports[3]), "protocol": "shadowsocks",
                       "settings": {"users": []}}],
                     "outbounds": [{"tag": "direct", "protocol": "freedom", "settings": {"finalRules": [{"action": "allow"}]}},
                      {"tag": "blocked", "protocol": "blackhole"}],
                     "routing": {"rules": []}}
                    """)
            try core.start(waitingFor: api)
        }

        deinit { server.stop() }

        /// Runs one of `.ci/clients` to its end.
        func run(_ script: String, _ arguments: [String]) throws -> CommandResult {
            let python = try #require(CommandResult.program("python3"))
            let path = TidegateProcess.packageRoot.appendingPathComponent(".ci/clients/\(script)").path
            return try CommandResult.of(python, [path] + arguments)
        }
    }

    @Test func aClientThatKnowsNothingFindsAndCallsEverythingByReflection() async throws {
        try await offPool {
            let stage = try Stage()
            let result = try stage.run(
                "reflection.py", ["127.0.0.1:\(stage.api)", "\(stage.socks)", "\(stage.server.port)"])
            #expect(result.status == 0, "\(result.errors) \(stage.core.output)")
            #expect(result.output.contains("listed, described and called"))
            #expect(stage.core.stop() == 0)
        }
    }

    @Test func thePanelsClientManagesUsersAndReadsCounters() async throws {
        try await offPool {
            let stage = try Stage()
            let result = try stage.run("panel.py", ["127.0.0.1", "\(stage.api)", "\(TCPClient.freePort())"])
            #expect(result.status == 0, "\(result.errors) \(stage.core.output)")
            #expect(result.output == "11 methods of xtlsapi tried\n")
            #expect(stage.core.stop() == 0)
        }
    }

    @Test(arguments: [
        ("StatsService.GetStats", "name: \"inbound>>>vl>>>traffic>>>uplink\" reset: true", "inbound>>>vl"),
        ("StatsService.QueryStats", "pattern: \"inbound>>>vm\"", "inbound>>>vm>>>traffic>>>downlink"),
        ("StatsService.GetSysStats", "", "Uptime"), ("LoggerService.RestartLogger", "", ""),
    ])
    func theOlderProjectsToolWorks(method: String, request: String, answer: String) async throws {
        try await offPool {
            let stage = try Stage()
            let v2ctl = try #require(CommandResult.program("v2ctl"))
            // The uptime is told from its first second on.
            let arguments = ["api", "--server=127.0.0.1:\(stage.api)", method, request]
            var result = try CommandResult.of(v2ctl, arguments)
            _ = try Wait.until {
                guard result.status == 0, !result.output.contains(answer) else { return true }
                result = try CommandResult.of(v2ctl, arguments)
                return false
            }
            #expect(result.status == 0 && (answer.isEmpty || result.output.contains(answer)), "\(result)")
            let missing = try CommandResult.of(
                v2ctl, ["api", "--server=127.0.0.1:\(stage.api)", "StatsService.GetStats", "name: \"none\""])
            #expect(missing.status != 0 && (missing.errors + missing.output).contains("none not found."), "\(missing)")
        }
    }
}
