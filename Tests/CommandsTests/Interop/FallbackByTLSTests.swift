// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// Which server a stranger gets at, by what OpenSSL's own client says in its handshake and behind it.
@Suite(.timeLimit(.minutes(5))) struct FallbackByTLSTests {
    private struct Visit: CustomStringConvertible {
        var name: String
        var alpn: String
        var path: String
        var server: String

        var description: String { "\(name) \(alpn) \(path)" }
    }

    private static let visits = [
        Visit(name: "proxy.example", alpn: "http/1.1", path: "/", server: "default"),
        Visit(name: "proxy.example", alpn: "h2", path: "/", server: "h2"),
        Visit(name: "proxy.example", alpn: "h2,http/1.1", path: "/", server: "h2"),
        Visit(name: "proxy.example", alpn: "http/1.1", path: "/secret", server: "path"),
        Visit(name: "a.wild.example", alpn: "http/1.1", path: "/", server: "name"),
        Visit(name: "a.wild.example", alpn: "h2", path: "/", server: "name and h2"),
    ]

    @Test(arguments: ["vless", "trojan"])
    func nameProtocolAndPathOfATLSClientChooseTheServer(name: String) async throws {
        try await offPool {
            let servers = try ["default", "h2", "path", "name", "name and h2"].map { ($0, try Self.server($0)) }
            defer { for (_, server) in servers { server.stop() } }
            func port(_ name: String) -> UInt16 { servers.first { $0.0 == name }?.1.port ?? 0 }
            let certificates = try TestCertificates.shared()
            let inbound = try TCPClient.freePort()
            let own = try TidegateProcess(
                configuration: """
                    {"log": {"loglevel": "info", "access": "none"},
                     "inbounds": [{"tag": "in", "listen": "127.0.0.1", "port": \(inbound), "protocol": "\(name)",
                       "settings": {"decryption": "none", "clients": [], "fallbacks": [
                         {"dest": \(port("default"))},
                         {"alpn": "h2", "dest": \(port("h2"))},
                         {"path": "/secret", "dest": \(port("path"))},
                         {"name": "a.wild.example", "dest": \(port("name"))},
                         {"name": "a.wild.example", "alpn": "h2", "dest": \(port("name and h2"))}]},
                       "streamSettings": {"security": "tls", "tlsSettings": {"alpn": ["h2", "http/1.1"], "certificates": [
                         {"certificateFile": "\(certificates.path("server.pem"))",
                          "keyFile": "\(certificates.path("server.key"))"}]}}}],
                     "outbounds": [{"protocol": "freedom"}]}
                    """)
            try own.start(waitingFor: inbound)
            let openssl = try #require(CommandResult.program("openssl"))
            for visit in Self.visits {
                let result = try CommandResult.of(
                    openssl,
                    [
                        "s_client", "-quiet", "-connect", "127.0.0.1:\(inbound)", "-servername", visit.name, "-alpn",
                        visit.alpn,
                    ], input: "GET \(visit.path) HTTP/1.1\r\nHost: \(visit.name)\r\n\r\n")
                #expect(result.output == "I am \(visit.server)\n", "\(visit): \(result.errors) \(own.output)")
            }
            #expect(own.stop() == 0)
        }
    }

    /// Says who it is when it has been asked.
    private static func server(_ name: String) throws -> TCPListener {
        try .concurrent { connection in
            var byte: UInt8 = 0
            guard recv(connection, &byte, 1, 0) == 1 else { return }
            let answer = Array("I am \(name)\n".utf8)
            _ = send(connection, answer, answer.count, Int32(MSG_NOSIGNAL))
            shutdown(connection, Int32(SHUT_WR))
            // What is left unread would make the end a reset.
            while recv(connection, &byte, 1, 0) == 1 {}
        }
    }
}
