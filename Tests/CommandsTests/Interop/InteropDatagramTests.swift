// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// Datagrams through each protocol, with v2ray at one end: tunnel → outbound → inbound → freedom → echo.
@Suite(.serialized) struct InteropDatagramTests {
    struct Hop: Sendable, CustomTestStringConvertible {
        var name: String
        var label: String
        var inbound: String
        /// With `PORT` for the server's.
        var outbound: String

        var testDescription: String { label }

        private static let id = "b831381d-6324-4d53-ad4f-8cda48b30811"

        private static func vmess(_ security: String) -> Hop {
            Hop(
                name: "vmess", label: "vmess \(security)", inbound: #"{"clients": [{"id": "\#(id)"}]}"#,
                outbound: """
                    {"vnext": [{"address": "127.0.0.1", "port": PORT,
                      "users": [{"id": "\(id)", "alterId": 0, "security": "\(security)"}]}]}
                    """)
        }

        private static func shadowsocks(_ method: String) -> Hop {
            Hop(
                name: "shadowsocks", label: "shadowsocks \(method)",
                inbound: #"{"method": "\#(method)", "password": "secret", "network": "tcp,udp"}"#,
                outbound: """
                    {"servers": [{"address": "127.0.0.1", "port": PORT, "method": "\(method)", "password": "secret"}]}
                    """)
        }

        static let all: [Hop] = [
            Hop(
                name: "vless", label: "vless", inbound: #"{"decryption": "none", "clients": [{"id": "\#(id)"}]}"#,
                outbound: """
                    {"vnext": [{"address": "127.0.0.1", "port": PORT, "users": [{"id": "\(id)", "encryption": "none"}]}]}
                    """),
            vmess("aes-128-gcm"), vmess("chacha20-poly1305"), vmess("auto"),
            Hop(
                name: "trojan", label: "trojan", inbound: #"{"clients": [{"password": "secret"}]}"#,
                outbound: #"{"servers": [{"address": "127.0.0.1", "port": PORT, "password": "secret"}]}"#),
            shadowsocks("aes-128-gcm"), shadowsocks("aes-256-gcm"), shadowsocks("chacha20-poly1305"),
            Hop(
                name: "socks", label: "socks",
                inbound: """
                    {"auth": "password", "accounts": [{"user": "u", "pass": "p"}], "udp": true, "ip": "127.0.0.1"}
                    """,
                outbound: """
                    {"servers": [{"address": "127.0.0.1", "port": PORT, "users": [{"user": "u", "pass": "p"}]}]}
                    """),
        ]
    }

    @Test(arguments: Hop.all) func fromV2Ray(_ hop: Hop) async throws { try await exchange(hop, isServer: true) }
    @Test(arguments: Hop.all) func toV2Ray(_ hop: Hop) async throws { try await exchange(hop, isServer: false) }

    /// - Parameter isServer: Tidegate is the server, v2ray the client; or the other way round.
    private func exchange(_ hop: Hop, isServer: Bool) async throws {
        let echo = try UDPSocket()
        echo.echoInBackground()
        try await offPool {
            let between = try TCPClient.freePort()
            let port = try TCPClient.freePort()
            let freedom = isServer ? #", "settings": {"finalRules": [{"action": "allow"}]}"# : ""
            let server = """
                {"log": {"loglevel": "info", "access": "none"},
                 "inbounds": [{"listen": "127.0.0.1", "port": \(between), "protocol": "\(hop.name)",
                   "settings": \(hop.inbound)}],
                 "outbounds": [{"protocol": "freedom"\(freedom)}]}
                """
            let client = """
                {"log": {"loglevel": "info", "access": "none"},
                 "inbounds": [{"listen": "127.0.0.1", "port": \(port), "protocol": "dokodemo-door",
                   "settings": {"address": "127.0.0.1", "port": \(echo.port), "network": "tcp,udp"}}],
                 "outbounds": [{"protocol": "\(hop.name)",
                   "settings": \(hop.outbound.replacingOccurrences(of: "PORT", with: "\(between)"))}]}
                """
            let own = try TidegateProcess(configuration: isServer ? server : client)
            let peer = try PeerProcess.v2ray(isServer ? client : server)
            try own.start(waitingFor: isServer ? between : port)
            try peer.start(waitingFor: isServer ? port : between)
            do {
                let socket = try UDPSocket()
                // The port is open for datagrams a moment after it is for streams; what comes before is lost.
                let isOpen = try Wait.until(seconds: 60) {
                    try socket.send([0], to: port)
                    return (try? socket.receive()) != nil
                }
                guard isOpen else { throw Failure("nothing comes back") }
                // v2ray 4.34 cuts what is longer than its buffers of 2 KiB.
                for size in [1, 2, 100, 1_200, 1_400, 1_900] {
                    let datagram = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ size) }
                    try socket.send(datagram, to: port)
                    let answer = try socket.receive()
                    guard answer.bytes == datagram else {
                        throw Failure("of \(size) bytes, \(answer.bytes.count) came back")
                    }
                }
            } catch {
                Issue.record("\(error)\ntidegate: \(own.output)\nv2ray: \(peer.output)")
            }
        }
    }
}
