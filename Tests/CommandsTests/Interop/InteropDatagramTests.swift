// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// Datagrams through each protocol: tunnel → outbound → inbound → freedom → echo.
@Suite(.serialized) struct InteropDatagramTests {
    /// Shadowsocks and SOCKS have datagrams beside their streams, so that transports do not matter to them.
    static let withV2Ray =
        InteropCase.matrix(
            [.vless, .vmess(" aes-128-gcm"), .trojan], [.raw, .tls, .webSocket, .webSocketTLS])
        + InteropCase.matrix(
            [
                .vmess(" chacha20-poly1305"), .vmess(" auto"), .shadowsocks(" aes-128-gcm"),
                .shadowsocks(" aes-256-gcm"), .shadowsocks(" chacha20-poly1305"), .socks,
            ], [.raw])

    /// v2ray 4.34 cuts what is longer than its buffers of 2 KiB.
    @Test(arguments: withV2Ray) func datagramsOfAllSizesComeBackWhole(_ cell: InteropCase) async throws {
        try await exchange(InteropTraffic.sizes + [1_900], cell)
    }

    /// Between two of ours, as v2ray has none; the other protocols take 8 KiB at most, as Xray does.
    @Test(arguments: [
        InteropProtocol.shadowsocks(" aes-128-gcm"), .shadowsocks(" chacha20-poly1305"), .socks,
    ])
    func datagramsNearTheLongestComeBackWhole(_ proto: InteropProtocol) async throws {
        let cell = InteropCase(proto: proto, transport: .raw, client: .tidegate, server: .tidegate)
        try await exchange([2_000, 9_000, 64_000, 65_400], cell)
    }

    private func exchange(_ sizes: [Int], _ cell: InteropCase) async throws {
        let echo = try UDPSocket()
        echo.echoInBackground()
        try await offPool {
            let stage = try InteropStage(cell, target: echo.port)
            do {
                // v2ray's client for Trojan makes one datagram of those that wait.
                let joins = cell.client == .v2ray && cell.proto.name == "trojan"
                try InteropTraffic.datagrams(sizes, to: stage.port, window: joins ? 1 : 8)
            } catch {
                Issue.record("\(error)\n\(stage.output)")
            }
        }
    }
}
