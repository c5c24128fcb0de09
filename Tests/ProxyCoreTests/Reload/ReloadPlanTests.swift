// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyCore
import SwiftProtobuf
import Testing
import XrayProtos

/// What is found to be different between two versions of settings.
struct ReloadPlanTests {
    private static let bob = UUID(uuidString: "d4a3e3a5-1a4f-4b6e-9d0c-2f6d3a3f8f11")!

    private func settings(_ change: (inout CoreSettings) throws -> Void = { _ in }) throws -> CoreSettings {
        var settings = CoreSettings()
        settings.inbounds = [
            try CoreStage.inbound("in", port: 1, CoreStage.vless([(CoreStage.alice, "a@x"), (Self.bob, "b@x")])),
            try CoreStage.inbound("", port: 2, CoreStage.tunnel(to: 9)),
        ]
        settings.outbounds = [
            try CoreStage.outbound("out", CoreStage.openFreedom),
            try CoreStage.outbound("block", Xray_Proxy_Blackhole_Config()),
        ]
        settings.routing = .init()
        try change(&settings)
        return settings
    }

    private func lines(_ change: (inout CoreSettings) throws -> Void) throws -> [String] {
        ReloadPlan(from: try settings(), to: try settings(change)).lines
    }

    @Test func theSameSettingsAreNoChange() throws {
        #expect(try lines { _ in }.isEmpty)
    }

    @Test func usersComeGoAndChangeOneByOne() throws {
        let lines = try lines { settings in
            var users = try CoreStage.vless([(Self.bob, "A@x"), (CoreStage.alice, "c@x"), (Self.bob, "d@x")])
            users.users[1].level = 3
            settings.inbounds[0] = try CoreStage.inbound("in", port: 1, users)
        }
        #expect(
            lines == [
                "inbound in: users added: c@x, d@x", "inbound in: user removed: b@x", "inbound in: user changed: A@x",
            ])
    }

    @Test func theOrderOfUsersDoesNotMatter() throws {
        let lines = try lines { settings in
            settings.inbounds[0] = try CoreStage.inbound(
                "in", port: 1, CoreStage.vless([(Self.bob, "b@x"), (CoreStage.alice, "a@x")]))
        }
        #expect(lines.isEmpty)
    }

    @Test func anInboundWithOtherSettingsIsReplacedWhateverItsUsers() throws {
        #expect(
            try lines { settings in
                settings.inbounds[0] = try CoreStage.inbound("in", port: 3, CoreStage.vless([(CoreStage.alice, "a@x")]))
            } == ["inbound in replaced"])
        #expect(
            try lines { settings in
                // Somebody without a name cannot be removed alone.
                settings.inbounds[0] = try CoreStage.inbound(
                    "in", port: 1, CoreStage.vless([(CoreStage.alice, "a@x"), (Self.bob, "b@x"), (UUID(), "")]))
            } == ["inbound in replaced"])
    }

    @Test func elementsWithoutATagAreKnownByWhatTheyAre() throws {
        #expect(
            try lines { settings in
                settings.inbounds[1] = try CoreStage.inbound("", port: 2, CoreStage.tunnel(to: 10))
            } == ["inbound without a tag removed", "inbound without a tag added"])
        #expect(try lines { $0.inbounds.reverse() }.isEmpty)
    }

    @Test func outboundsAndTheDefaultAreCompared() throws {
        #expect(
            try lines { settings in
                settings.outbounds = [
                    try CoreStage.outbound("block", Xray_Proxy_Blackhole_Config()),
                    try CoreStage.outbound("out", Xray_Proxy_Freedom_Config()),
                    try CoreStage.outbound("new", CoreStage.openFreedom),
                ]
            } == ["outbound new added", "outbound out replaced", "outbound block is the default"])
        #expect(try lines { $0.outbounds.removeLast() } == ["outbound block removed"])
    }

    @Test func routingIsComparedAsAWhole() throws {
        #expect(try lines { $0.routing = nil } == ["routing replaced: 0 rules, 0 balancers"])
        #expect(
            try lines { settings in
                settings.routing?.rule = [
                    .with {
                        $0.tag = "block"
                        $0.networks = [.udp]
                    }
                ]
            } == ["routing replaced: 1 rules, 0 balancers"])
    }

    @Test func mapsAreComparedWithoutTheirOrder() throws {
        // Bytes of equal maps differ, as they are written in any order.
        let headers = (0..<40).map { ("h\($0)", "v\($0)") }
        func outbound(_ headers: [(String, String)]) throws -> Xray_Core_OutboundHandlerConfig {
            var server = Xray_Proxy_Http_ClientConfig()
            server.header = headers.map { pair in
                .with {
                    $0.key = pair.0
                    $0.value = pair.1
                }
            }
            var sender = Xray_App_Proxyman_SenderConfig()
            var socket = Xray_Transport_Internet_Websocket_Config()
            for (name, value) in headers { socket.header[name] = value }
            var transport = Xray_Transport_Internet_TransportConfig()
            transport.protocolName = "websocket"
            transport.settings = try TypedMessages.pack(socket)
            sender.streamSettings.protocolName = "websocket"
            sender.streamSettings.transportSettings = [transport]
            var config = try CoreStage.outbound("ws", Xray_Proxy_Freedom_Config())
            config.senderSettings = try TypedMessages.pack(sender)
            return config
        }
        let plan = ReloadPlan(
            from: try settings { $0.outbounds = [try outbound(headers)] },
            to: try settings { $0.outbounds = [try outbound(headers.reversed())] })
        #expect(plan.lines.isEmpty)
    }
}
