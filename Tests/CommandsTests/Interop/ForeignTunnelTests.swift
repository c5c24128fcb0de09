// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// The gRPC transport with Google's gRPC library at the other end, plain and over TLS.
@Suite(.serialized) struct ForeignTunnelTests {
    private static var script: String {
        TidegateProcess.packageRoot.appendingPathComponent(".ci/clients/grpc_tunnel.py").path
    }

    private static let grpc = #""network": "grpc", "grpcSettings": {"serviceName": "gun""#

    @Test(arguments: [false, true])
    func itsClientCallsTheInboundAsAService(_ hasTLS: Bool) async throws {
        try await offPool {
            let certificates = try TestCertificates.shared()
            let server = try ByteServer()
            let port = try TCPClient.freePort()
            let security = hasTLS ? InteropTransport.serverTLS : #""security": "none""#
            let core = try TidegateProcess(
                configuration: """
                    {"log": {"loglevel": "info", "access": "none"},
                     "inbounds": [{"listen": "127.0.0.1", "port": \(port), "protocol": "vless",
                       "settings": \(InteropProtocol.vless.inbound(.tidegate)),
                       "streamSettings": {\(Self.grpc)}, \(security)}}],
                     "outbounds": [{"protocol": "freedom", "settings": {"finalRules": [{"action": "allow"}]}}]}
                    """, at: certificates.folder)
            try core.start(waitingFor: port)
            let python = try #require(CommandResult.program("python3"))
            let result = try CommandResult.of(
                python,
                [Self.script, "client", "127.0.0.1:\(port)", "gun", InteropProtocol.id, "\(server.port)"]
                    + (hasTLS ? [certificates.path("authority.pem")] : []))
            #expect(result.status == 0, "\(result.errors)\n\(core.output)")
            #expect(result.output == "the inbound was used as a gRPC service\n")
            #expect(core.stop() == 0)
            server.stop()
        }
    }

    @Test(arguments: [(false, false), (false, true), (true, false)])
    func itsServerServesTheOutbound(_ hasTLS: Bool, _ isMulti: Bool) async throws {
        try await offPool {
            let certificates = try TestCertificates.shared()
            let peer = try PeerProcess(
                "python3",
                [Self.script, "server", "gun"]
                    + (hasTLS ? [certificates.path("server.pem"), certificates.path("server.key")] : []))
            try peer.start(until: { $0.hasPrefix("port ") })
            let between = try #require(peer.output.split(whereSeparator: \.isWhitespace).dropFirst().first)
            let port = try TCPClient.freePort()
            let security = hasTLS ? InteropTransport.clientTLS : #""security": "none""#
            let core = try TidegateProcess(
                configuration: """
                    {"log": {"loglevel": "info", "access": "none"},
                     "inbounds": [{"listen": "127.0.0.1", "port": \(port), "protocol": "dokodemo-door",
                       "settings": {"address": "127.0.0.1", "port": 9, "network": "tcp"}}],
                     "outbounds": [{"protocol": "vless",
                       "settings": \(InteropProtocol.vless.outbound(.tidegate, UInt16(between) ?? 0)),
                       "streamSettings": {\(Self.grpc), "multiMode": \(isMulti), "user_agent": "grpc-test"}, \(security)}}]}
                    """, at: certificates.folder)
            try core.start(waitingFor: port)
            do {
                let pattern = BytePattern()
                let talkers = try (0..<30).map { _ in try TCPClient(port: port, timeout: 30) }
                for round in 0..<20 {
                    for (index, talker) in talkers.enumerated() {
                        try talker.send(pattern.bytes(at: round * 97 + index, count: 1 + round * 50))
                    }
                    for (index, talker) in talkers.enumerated() {
                        let bytes = try talker.receive(exactly: 1 + round * 50)
                        #expect(bytes == pattern.bytes(at: round * 97 + index, count: 1 + round * 50))
                    }
                }
                try pattern.exchange(with: try TCPClient(port: port, timeout: 60), bytes: 16 << 20)
                let ender = try TCPClient(port: port, timeout: 30)
                try ender.send([1, 2, 3])
                ender.endOutput()
                #expect(try ender.receive(exactly: 3) == [1, 2, 3])
                #expect(try ender.receive().isEmpty)
            } catch {
                Issue.record("\(error)\n\(core.output)\n\(peer.output)")
            }
            #expect(!peer.output.contains("no user agent"))
            // One connection for each event loop, of which the machine's number of cores is the most.
            let loops = ProcessInfo.processInfo.activeProcessorCount
            #expect((1...loops).contains { peer.output.contains("32 streams by \($0) connections") }, "\(peer.output)")
            #expect(core.stop() == 0)
        }
    }

    @Test func aBrowserIsToldThatThisIsNoPage() async throws {
        try await offPool {
            let port = try TCPClient.freePort()
            let core = try TidegateProcess(
                configuration: """
                    {"log": {"loglevel": "none"},
                     "inbounds": [{"listen": "127.0.0.1", "port": \(port), "protocol": "vless",
                       "settings": \(InteropProtocol.vless.inbound(.tidegate)), "streamSettings": {\(Self.grpc)}}}],
                     "outbounds": [{"protocol": "freedom"}]}
                    """)
            try core.start(waitingFor: port)
            let curl = try #require(CommandResult.program("curl"))
            let result = try CommandResult.of(
                curl, ["-s", "-i", "-m", "20", "--http2-prior-knowledge", "http://127.0.0.1:\(port)/gun/Tun"])
            #expect(result.output.hasPrefix("HTTP/2 415"), "\(result)")
            #expect(result.output.contains("invalid gRPC request content-type"))
            #expect(core.stop() == 0)
        }
    }
}
