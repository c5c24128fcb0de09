// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// The API without `listen`: behind an inbound of the core itself and a rule.
struct LegacyModeTests {
    @Test func closingAllFlowsDoesNotCutTheCallThatAskedForIt() async throws {
        try await offPool {
            let server = try ByteServer()
            let (api, tunnel) = (try TCPClient.freePort(), try TCPClient.freePort())
            let core = try TidegateProcess(
                configuration: """
                    {"log": {"loglevel": "warning", "access": "none"}, "stats": {},
                     "policy": {"system": {"statsInboundUplink": true, "statsOutboundUplink": true}},
                     "api": {"tag": "api", "services": ["FlowService", "StatsService"]},
                     "inbounds": [
                      {"tag": "in", "listen": "127.0.0.1", "port": \(tunnel), "protocol": "dokodemo-door",
                       "settings": {"address": "127.0.0.1", "port": \(server.port)}},
                      {"tag": "api-in", "listen": "127.0.0.1", "port": \(api), "protocol": "dokodemo-door",
                       "settings": {"address": "127.0.0.1"}}],
                     "outbounds": [{"tag": "direct", "protocol": "freedom",
                                    "settings": {"finalRules": [{"action": "allow"}]}}],
                     "routing": {"rules": [{"inboundTag": ["api-in"], "outboundTag": "api"}]}}
                    """)
            try core.start(waitingFor: api)
            let live = try TCPClient(port: tunnel)
            try live.send([0, 0, 0, 8, 0, 0, 0, 1])
            _ = try live.receive(exactly: 1)

            let address = "127.0.0.1:\(api)"
            let closed = try TidegateProcess.run(["api", "rmflows", "-all", "-s", address, "-t", "30"])
            #expect(closed.status == 0 && closed.output == "{\n    \"closed\": 1\n}\n\n", "\(closed)")
            #expect((try? live.receive())?.isEmpty ?? true)

            // The API's traffic counts for the inbound that carries it, and for no outbound.
            let counters = try TidegateProcess.run(["api", "statsquery", "--json", "-s", address, "-t", "30"])
            #expect(counters.output.contains("inbound>>>api-in>>>traffic>>>uplink"))
            #expect(counters.output.contains("outbound>>>direct") && !counters.output.contains("outbound>>>api"))
            #expect(core.stop() == 0)
            server.stop()
        }
    }
}
