// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// Connections and datagrams that the kernel redirects, in a network namespace of their own.
@Suite(
    .serialized,
    .enabled(if: Namespace.canRedirect, "needs root, a network namespace, ip and iptables, and a kernel that redirects")
)
struct RedirectionTests {
    @Test(arguments: [("redirect", 4), ("redirect", 6), ("tproxy", 4), ("tproxy", 6)])
    func connectionReachesTheTargetThatItHadBefore(mode: String, family: Int) async throws {
        try await offPool {
            let result = try Namespace.run(
                TidegateProcess.packageRoot.appendingPathComponent(".ci/clients/redirect.py").path,
                TidegateProcess.executable.path, mode, "\(family)")
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.output == "both connections were brought to their targets\n")
        }
    }

    @Test(arguments: [4, 6])
    func datagramReachesItsTargetAndTheAnswerComesFromThere(family: Int) async throws {
        try await offPool {
            let result = try Namespace.run(
                TidegateProcess.packageRoot.appendingPathComponent(".ci/clients/redirect_udp.py").path,
                TidegateProcess.executable.path, "\(family)")
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.output == "every datagram was brought to its target\n")
        }
    }
}

private enum Namespace {
    /// Tries what the tests do.
    static let canRedirect: Bool = {
        let rules = ["iptables", "ip6tables"].flatMap { tables in
            [
                "\(tables) -t nat -A OUTPUT -p tcp --dport 1 -j REDIRECT --to-ports 2",
                "\(tables) -t mangle -A PREROUTING -p tcp --dport 1 -j TPROXY --on-port 2 --tproxy-mark 1",
            ]
        }
        let result = try? run(
            "-c", (["ip link set lo up", "ip -6 addr add 2001:db8::1/128 dev lo"] + rules).joined(separator: " && "))
        return result?.status == 0
    }()

    /// Runs a script of Python, or, behind `-c`, of the shell.
    static func run(_ arguments: String...) throws -> CommandResult {
        guard let unshare = CommandResult.program("unshare") else { throw Failure("there is no unshare") }
        let interpreter = arguments.first == "-c" ? "sh" : "python3"
        return try CommandResult.of(unshare, ["-n", interpreter] + arguments)
    }
}
