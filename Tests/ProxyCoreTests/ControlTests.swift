// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import ProxyCore
import TestSupport
import Testing
import XrayProtos

@Suite(.serialized) struct ControlTests {
    @Test func removedUserCannotConnectAgainAndHerLiveFlowGoesOnUntilItIsClosed() async throws {
        let stage = try await CoreStage { _ in try! CoreStage.vless([(CoreStage.alice, "alice@example.com")]) }
        let live = try VLESSClient(proxy: stage.port, id: CoreStage.alice, target: stage.server.port)
        try await offPool { try live.exchange(up: 8, down: 10) }

        var request = Xray_App_Proxyman_Command_AlterInboundRequest()
        request.tag = "in"
        var remove = Xray_App_Proxyman_Command_RemoveUserOperation()
        remove.email = "alice@example.com"
        request.operation = try TypedMessages.pack(remove)
        _ = try stage.core.alterInbound(request, by: .console)

        let late = try VLESSClient(proxy: stage.port, id: CoreStage.alice, target: stage.server.port, timeout: 3)
        await #expect(throws: (any Error).self) { try await offPool { try late.exchange(up: 8, down: 1) } }
        try await offPool { try live.exchange(up: 8, down: 10) }
        #expect(await stage.core.flows(FlowSelector(email: "ALICE@example.com")).count == 1)
        #expect(await stage.core.closeFlows(FlowSelector(email: "ALICE@example.com"), by: .console) == 1)
        await #expect(throws: (any Error).self) { try await offPool { try live.exchange(up: 8, down: 1) } }
        #expect(throws: ControlError("proxy/vless: User alice@example.com not found.")) {
            try stage.core.alterInbound(request, by: .console)
        }
        await stage.stop()
    }

    @Test func inboundThatCannotBindLeavesItsTagFree() async throws {
        let stage = try await CoreStage { CoreStage.tunnel(to: $0) }
        var request = Xray_App_Proxyman_Command_AddInboundRequest()
        request.inbound = try CoreStage.inbound("second", port: stage.port, CoreStage.tunnel(to: 1))
        let busy = await #expect(throws: ControlError.self) { try await stage.core.addInbound(request, by: .console) }
        #expect(busy?.message.contains("address already in use") == true)
        let free = try TCPClient.freePort()
        request.inbound = try CoreStage.inbound("second", port: free, CoreStage.tunnel(to: stage.server.port))
        _ = try await stage.core.addInbound(request, by: .console)
        let client = try TCPClient(port: free)
        try await offPool {
            try client.send(CoreStage.request(up: 8, down: 4))
            _ = try client.receive(exactly: 4)
        }
        await stage.stop()
    }

    @Test func withoutADefaultOutboundTrafficIsDroppedUntilOneIsAdded() async throws {
        let stage = try await CoreStage { CoreStage.tunnel(to: $0) }
        var remove = Xray_App_Proxyman_Command_RemoveOutboundRequest()
        remove.tag = "out"
        _ = try stage.core.removeOutbound(remove, by: .console)
        let dropped = try TCPClient(port: stage.port, timeout: 5)
        let answer = try await offPool {
            try dropped.send(CoreStage.request(up: 8, down: 4))
            return try? dropped.receive()
        }
        #expect(answer?.isEmpty ?? true)

        var add = Xray_App_Proxyman_Command_AddOutboundRequest()
        add.outbound = try CoreStage.outbound("later", CoreStage.openFreedom)
        _ = try stage.core.addOutbound(add, by: .console)
        let served = try TCPClient(port: stage.port)
        try await offPool {
            try served.send(CoreStage.request(up: 8, down: 4))
            _ = try served.receive(exactly: 4)
        }
        await stage.stop()
    }

    @Test func missingPartsOfRequestsAreErrors() async throws {
        let stage = try await CoreStage { CoreStage.tunnel(to: $0) }
        await #expect(throws: ControlError.self) { try await stage.core.addInbound(.init(), by: .console) }
        #expect(throws: ControlError.self) { try stage.core.addOutbound(.init(), by: .console) }
        #expect(throws: ControlError.self) { try stage.core.alterInbound(.init(), by: .console) }
        #expect(throws: ControlError.self) { try stage.core.alterOutbound(.init(), by: .console) }
        await #expect(throws: ControlError.self) { try await stage.core.addRule(.init(), by: .console) }
        await #expect(throws: ControlError.self) { try await stage.core.testRoute(.init()) }
        await stage.stop()
    }
}
