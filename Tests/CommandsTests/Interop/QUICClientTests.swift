// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// Connections by aioquic, which are routed by the server name in their first datagrams.
@Suite(.serialized) struct QUICClientTests {
    /// With the least bytes of the ClientHello, which is in one datagram or in several.
    @Test(arguments: [("quic.example", 0, true), ("quic.example", 3_000, true), ("other.example", 0, false)])
    func connectionIsRoutedByItsServerName(name: String, helloBytes: Int, isLetThrough: Bool) async throws {
        try await offPool {
            let server = try TCPClient.freePort()
            let port = try TCPClient.freePort()
            let ready = try TCPClient.freePort()
            let core = try TidegateProcess(
                configuration: """
                    {"log": {"loglevel": "info", "access": "none"},
                     "inbounds": [
                       {"tag": "quic", "listen": "127.0.0.1", "port": \(port), "protocol": "dokodemo-door",
                        "settings": {"address": "127.0.0.1", "port": \(server), "network": "udp"},
                        "sniffing": {"enabled": true, "destOverride": ["quic"], "routeOnly": true}},
                       {"listen": "127.0.0.1", "port": \(ready), "protocol": "dokodemo-door",
                        "settings": {"address": "127.0.0.1", "port": 9, "network": "tcp"}}],
                     "outbounds": [{"protocol": "blackhole"}, {"tag": "direct", "protocol": "freedom"}],
                     "routing": {"rules": [
                       {"domain": ["full:quic.example"], "protocol": ["quic"], "outboundTag": "direct"}]}}
                    """)
            try core.start(waitingFor: ready)
            let python = try #require(CommandResult.program("python3"))
            let script = TidegateProcess.packageRoot.appendingPathComponent(".ci/clients/quic.py").path
            let result = try CommandResult.of(python, [script, "\(server)", "\(port)", name, "\(helloBytes)"])
            #expect(result.status == 0, "\(result.errors)")
            #expect(
                result.output == (isLetThrough ? "echoed 262144\n" : "not connected\n"), "\(result) \(core.output)")
            #expect(core.output.contains("sniffed domain: \(name)"))
            #expect(core.stop() == 0)
        }
    }
}
