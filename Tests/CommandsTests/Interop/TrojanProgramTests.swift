// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// Trojan with Debian's `trojan` at the other end, over TLS as it wants it. It ends both directions when one of them ends, as client
/// and as server, so there is no half-close to try.
@Suite(.serialized) struct TrojanProgramTests {
    /// `trojan` in its `forward` mode → our inbound.
    @Test func fromItsClient() async throws {
        try await exchange { echo, datagrams in
            let between = try TCPClient.freePort()
            let own = try TidegateProcess(
                configuration: """
                    {"log": {"loglevel": "info", "access": "none"},
                     "inbounds": [{"listen": "127.0.0.1", "port": \(between), "protocol": "trojan",
                       "settings": {"clients": [{"password": "other"}, {"password": "secret", "email": "alice"}]},
                       "streamSettings": \(InteropTransport.tls.server)}],
                     "outbounds": [{"protocol": "freedom", "settings": {"finalRules": [{"action": "allow"}]}}]}
                    """, at: try TestCertificates.shared().folder)
            try own.start(waitingFor: between)
            let ports = (stream: try TCPClient.freePort(), datagrams: try TCPClient.freePort())
            let peers = try [(ports.stream, echo), (ports.datagrams, datagrams)].map { port, target in
                let peer = try PeerProcess(
                    "trojan", ["-c", "@DIR@/config.json"],
                    files: [
                        "config.json": """
                        {"run_type": "forward", "local_addr": "127.0.0.1", "local_port": \(port),
                         "remote_addr": "127.0.0.1", "remote_port": \(between), "target_addr": "127.0.0.1",
                         "target_port": \(target), "password": ["secret"], "udp_timeout": 60, "log_level": 1,
                         "ssl": {"verify": false, "verify_hostname": false, "cert": "", "sni": "proxy.example",
                           "alpn": ["http/1.1"], "reuse_session": true, "session_ticket": false, "curves": "",
                           "cipher": "", "cipher_tls13": ""}}
                        """
                    ])
                try peer.start(waitingFor: port)
                return peer
            }
            return (ports.stream, ports.datagrams, own, peers)
        }
    }

    /// Our outbound → `trojan` as a server.
    @Test func toItsServer() async throws {
        try await exchange { echo, datagrams in
            let folder = try TestCertificates.shared().folder
            let between = try TCPClient.freePort()
            let peer = try PeerProcess(
                "trojan", ["-c", "@DIR@/config.json"],
                files: [
                    "config.json": """
                    {"run_type": "server", "local_addr": "127.0.0.1", "local_port": \(between),
                     "remote_addr": "127.0.0.1", "remote_port": \(echo), "password": ["secret"], "udp_timeout": 60,
                     "log_level": 1, "ssl": {"cert": "\(folder.path)/server.pem", "key": "\(folder.path)/server.key",
                       "key_password": "", "cipher": "", "cipher_tls13": "", "prefer_server_cipher": true,
                       "alpn": ["http/1.1"], "reuse_session": true, "session_ticket": false,
                       "session_timeout": 600, "plain_http_response": "", "curves": "", "dhparam": ""}}
                    """
                ])
            try peer.start(waitingFor: between)
            let ports = (stream: try TCPClient.freePort(), datagrams: try TCPClient.freePort())
            let own = try TidegateProcess(
                configuration: """
                    {"log": {"loglevel": "info", "access": "none"},
                     "inbounds": [
                       {"listen": "127.0.0.1", "port": \(ports.stream), "protocol": "dokodemo-door",
                        "settings": {"address": "127.0.0.1", "port": \(echo), "network": "tcp"}},
                       {"listen": "127.0.0.1", "port": \(ports.datagrams), "protocol": "dokodemo-door",
                        "settings": {"address": "127.0.0.1", "port": \(datagrams), "network": "udp"}}],
                     "outbounds": [{"protocol": "trojan",
                       "settings": {"address": "127.0.0.1", "port": \(between), "password": "secret"},
                       "streamSettings": \(InteropTransport.tls.client)}]}
                    """, at: folder)
            try own.start(waitingFor: ports.stream)
            return (ports.stream, ports.datagrams, own, [peer])
        }
    }

    private typealias Stage = (stream: UInt16, datagrams: UInt16, own: TidegateProcess, peers: [PeerProcess])

    /// Echoes a stream and datagrams through the stage, which is given the ports of their targets.
    private func exchange(_ set: @escaping @Sendable (UInt16, UInt16) throws -> Stage) async throws {
        let echo = try EchoServer()
        let datagrams = try UDPSocket()
        datagrams.echoInBackground()
        try await offPool {
            let stage = try set(echo.port, datagrams.port)
            do {
                try InteropTraffic.stream(to: stage.stream)
                try InteropTraffic.messages(to: stage.stream)
                // Its buffers hold 8 KiB with the header of the datagram.
                try InteropTraffic.datagrams(InteropTraffic.sizes + [8_000], to: stage.datagrams)
            } catch {
                Issue.record("\(error)\ntidegate: \(stage.own.output)\npeers: \(stage.peers.map(\.output))")
            }
        }
        echo.stop()
    }
}
