// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// Every protocol over every transport, against other people's programs.
@Suite(.serialized) struct InteropTests {
    /// Transports that v2ray has, and the others with Tidegate at both ends.
    static let cases =
        InteropCase.matrix([.vless], InteropTransport.all)
        + InteropCase.matrix(
            [.vmess(" aes-128-gcm"), .trojan, .shadowsocks(" aes-128-gcm"), .socks, .http],
            [.raw, .tls, .webSocket, .webSocketTLS, .grpc, .grpcTLS])
        + InteropCase.matrix([.vmess(" aes-128-gcm")], [.rawHTTP, .rawHTTPTLS])
        + InteropCase.matrix(
            [
                .vmess(" chacha20-poly1305"), .vmess(" auto"), .shadowsocks(" aes-256-gcm"),
                .shadowsocks(" chacha20-poly1305"),
            ], [.raw])

    @Test(arguments: cases)
    func bytesArriveWholeAndInOrder(_ cell: InteropCase) async throws {
        let echo = try EchoServer()
        try await offPool {
            let stage = try InteropStage(cell, target: echo.port)
            do {
                try InteropTraffic.stream(to: stage.port, bytes: cell.isForeign ? InteropTraffic.bulk : 8 << 20)
                try InteropTraffic.messages(to: stage.port)
            } catch {
                Issue.record("\(error)\n\(stage.output)")
            }
        }
        echo.stop()
    }

    /// Over WebSocket, which cannot end one direction alone (RFC 6455 section 5.5.1), the server behind does not learn of the end;
    /// what it answers all the same still has to come.
    @Test(arguments: cases)
    func answerArrivesWholeAfterTheClientHasEndedItsStream(_ cell: InteropCase) async throws {
        let server = try ByteServer()
        try await offPool {
            let stage = try InteropStage(cell, target: server.port)
            do {
                let client = try TCPClient(port: stage.port, timeout: 20)
                // Request and answer: 64 bytes up, 2 MiB down.
                try client.send([0, 0, 0, 64, 0, 32, 0, 0] + [UInt8](repeating: 1, count: 56))
                client.endOutput()
                _ = try client.receive(exactly: 2 << 20)
            } catch {
                Issue.record("\(error)\n\(stage.output)")
            }
        }
        server.stop()
    }
}
