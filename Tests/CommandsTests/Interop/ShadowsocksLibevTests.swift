// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// Shadowsocks with shadowsocks-libev at the other end.
@Suite(.serialized) struct ShadowsocksLibevTests {
    private static let methods = [
        "aes-128-gcm", "aes-256-gcm", "chacha20-ietf-poly1305", "xchacha20-ietf-poly1305",
    ]

    /// Its buffers for datagrams are made for this size of packets.
    private static let longest = "65535"

    /// `ss-tunnel` → our inbound.
    @Test(arguments: methods) func fromATunnel(_ method: String) async throws {
        try await exchange { echo, datagrams in
            let between = try TCPClient.freePort()
            let ports = (stream: try TCPClient.freePort(), datagrams: try TCPClient.freePort())
            let own = try TidegateProcess(configuration: Self.server(method, port: between))
            try own.start(waitingFor: between)
            let peers = try [(ports.stream, echo), (ports.datagrams, datagrams)].map { port, target in
                let peer = try PeerProcess(
                    "ss-tunnel",
                    [
                        "-s", "127.0.0.1", "-p", "\(between)", "-b", "127.0.0.1", "-l", "\(port)", "-k", "secret",
                        "-m", method, "-L", "127.0.0.1:\(target)", "-u", "--mtu", Self.longest,
                    ])
                try peer.start(waitingFor: port)
                return peer
            }
            return (ports.stream, ports.datagrams, own, peers)
        }
    }

    /// Our outbound → `ss-server`.
    @Test(arguments: methods) func toAServer(_ method: String) async throws {
        try await exchange { echo, datagrams in
            let between = try TCPClient.freePort()
            let ports = (stream: try TCPClient.freePort(), datagrams: try TCPClient.freePort())
            let peer = try PeerProcess(
                "ss-server",
                ["-s", "127.0.0.1", "-p", "\(between)", "-k", "secret", "-m", method, "-u", "--mtu", Self.longest])
            try peer.start(waitingFor: between)
            let own = try TidegateProcess(
                configuration: """
                    {"log": {"loglevel": "info", "access": "none"},
                     "inbounds": [
                       {"listen": "127.0.0.1", "port": \(ports.stream), "protocol": "dokodemo-door",
                        "settings": {"address": "127.0.0.1", "port": \(echo), "network": "tcp"}},
                       {"listen": "127.0.0.1", "port": \(ports.datagrams), "protocol": "dokodemo-door",
                        "settings": {"address": "127.0.0.1", "port": \(datagrams), "network": "udp"}}],
                     "outbounds": [{"protocol": "shadowsocks", "settings":
                       {"address": "127.0.0.1", "port": \(between), "method": "\(method)", "password": "secret"}}]}
                    """)
            try own.start(waitingFor: ports.stream)
            return (ports.stream, ports.datagrams, own, [peer])
        }
    }

    private static func server(_ method: String, port: UInt16) -> String {
        """
        {"log": {"loglevel": "info", "access": "none"},
         "inbounds": [{"listen": "127.0.0.1", "port": \(port), "protocol": "shadowsocks", "settings":
           {"network": "tcp,udp", "clients": [
             {"method": "aes-256-gcm", "password": "another user's", "email": "bob"},
             {"method": "\(method)", "password": "secret", "email": "alice"}]}}],
         "outbounds": [{"protocol": "freedom", "settings": {"finalRules": [{"action": "allow"}]}}]}
        """
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
                // shadowsocks-libev ends both directions with the first, so the stream stays open.
                try InteropTraffic.stream(to: stage.stream)
                try InteropTraffic.messages(to: stage.stream)
                try InteropTraffic.datagrams(InteropTraffic.sizes + [9_000, 64_000, 65_300], to: stage.datagrams)
            } catch {
                Issue.record("\(error)\ntidegate: \(stage.own.output)\npeers: \(stage.peers.map(\.output))")
            }
        }
        echo.stop()
    }
}
