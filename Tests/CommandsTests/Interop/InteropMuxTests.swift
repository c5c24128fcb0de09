// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// mux.cool with v2ray at one end.
@Suite(.serialized) struct InteropMuxTests {
    static let cases = InteropCase.matrix([.vless, .vmess(" aes-128-gcm"), .trojan], [.raw, .webSocketTLS]).map {
        cell in
        var cell = cell
        cell.isMuxed = true
        return cell
    }

    @Test(arguments: cases) func sessionsShareAConnection(_ cell: InteropCase) async throws {
        let echo = try EchoServer()
        try await offPool {
            let stage = try InteropStage(cell, target: echo.port)
            do {
                // More than one connection takes, all open at the same time.
                let pattern = BytePattern()
                let talkers = try (0..<12).map { _ in try TCPClient(port: stage.port, timeout: 30) }
                for round in 0..<20 {
                    for (index, talker) in talkers.enumerated() {
                        try talker.send(pattern.bytes(at: round * 97 + index, count: 1 + round * 50))
                    }
                    for (index, talker) in talkers.enumerated() {
                        guard
                            try talker.receive(exactly: 1 + round * 50)
                                == pattern.bytes(at: round * 97 + index, count: 1 + round * 50)
                        else { throw Failure("other bytes came back in round \(round)") }
                    }
                }
                try InteropTraffic.stream(to: stage.port, bytes: 16 << 20)
                guard stage.output.contains("v2ray.com/core/common/mux: ") else { throw Failure("mux was not used") }
            } catch {
                Issue.record("\(error)\n\(stage.output)")
            }
        }
        echo.stop()
    }

    @Test(arguments: cases) func datagramsGoBesideThem(_ cell: InteropCase) async throws {
        let echo = try UDPSocket()
        echo.echoInBackground()
        try await offPool {
            let stage = try InteropStage(cell, target: echo.port)
            do {
                try InteropTraffic.datagrams([1, 2, 100, 1_200, 1_400], to: stage.port, window: 1)
            } catch {
                Issue.record("\(error)\n\(stage.output)")
            }
        }
    }
}
