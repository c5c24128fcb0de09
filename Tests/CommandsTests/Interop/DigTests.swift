// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// The DNS outbound as `dig` sees it.
@Suite(.serialized) struct DigTests {
    @Test(arguments: [["+notcp"], ["+tcp"], ["+notcp", "+noedns"], ["+tcp", "+keepopen"]])
    func digTakesTheAnswers(options: [String]) async throws {
        try await offPool {
            let port = try TCPClient.freePort()
            let core = try TidegateProcess(
                configuration: """
                    {"log": {"loglevel": "info", "access": "none"},
                     "inbounds": [{"listen": "127.0.0.1", "port": \(port), "protocol": "dokodemo-door",
                       "settings": {"address": "127.0.0.9", "port": 53, "network": "tcp,udp"}}],
                     "outbounds": [{"protocol": "dns", "settings": {"nonIPQuery": "reject", "blockTypes": [65]}}]}
                    """)
            try core.start(waitingFor: port)
            let dig = try #require(CommandResult.program("dig"))
            let common = ["@127.0.0.1", "-p", "\(port)", "+tries=1", "+time=5", "+nosearch"]
            // The port for datagrams is opened behind the one for connections.
            try #require(Wait.until { (try? CommandResult.of(dig, common + ["+notcp", "localhost"]))?.status == 0 })
            func ask(_ words: String...) throws -> String {
                let result = try CommandResult.of(dig, common + options + words)
                #expect(result.status == 0, "\(result) \(core.output)")
                // Of a message that is not as it should be dig says so.
                #expect(!result.output.contains("WARNING") && !result.output.contains("warning"), "\(result.output)")
                return result.output
            }
            let address = try ask("localhost", "A")
            #expect(address.contains("status: NOERROR") && address.contains("ANSWER: 1,"), "\(address)")
            #expect(address.split(separator: "\n").contains { $0.hasPrefix("localhost.") && $0.hasSuffix("127.0.0.1") })
            for type in ["TXT", "HTTPS"] {
                let refused = try ask("localhost", type)
                #expect(refused.contains("status: REFUSED") && refused.contains("ANSWER: 0,"), "\(refused)")
            }
            #expect(core.stop() == 0)
        }
    }
}
