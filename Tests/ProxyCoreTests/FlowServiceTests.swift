// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import ProxyCore
import SwiftProtobuf
import TestSupport
import Testing
import XrayProtos

@Suite(.serialized) struct FlowServiceTests {
    private static func network(_ bytes: [UInt8], _ prefix: UInt32, not: Bool = false) -> Xray_Common_Geodata_IPRule {
        var rule = Xray_Common_Geodata_IPRule()
        rule.custom.cidr.ip = Data(bytes)
        rule.custom.cidr.prefix = prefix
        rule.custom.reverseMatch = not
        return rule
    }

    @Test func liveFlowsAreListedWithWhatTheyMoved() async throws {
        let stage = try await CoreStage { _ in try! CoreStage.vless([(CoreStage.alice, "alice@example.com")]) }
        let live = try VLESSClient(proxy: stage.port, id: CoreStage.alice, target: stage.server.port)
        try await offPool { try live.exchange(up: 8, down: 10) }
        let all = try await stage.core.listFlows(.init())
        let flow = try #require(all.flows.first)
        #expect(all.total == 1 && all.flows.count == 1)
        #expect(flow.inboundTag == "in" && flow.outboundTag == "out" && flow.userEmail == "alice@example.com")
        #expect(flow.network == .tcp && flow.sourceIp == Data([127, 0, 0, 1]) && flow.targetHost == "127.0.0.1")
        #expect(flow.targetPort == UInt32(stage.server.port) && flow.uplink == 8 && flow.downlink == 10)

        var none = Tidegate_Core_V1_ListFlowsRequest()
        none.selector.sourceIp = [Self.network([10, 0, 0, 0], 8)]
        #expect(try await stage.core.listFlows(none).total == 0)
        none.selector.sourceIp = [Self.network([10, 0, 0, 0], 8, not: true)]
        none.selector.id = [flow.id]
        none.selector.userEmail = "ALICE@example.com"
        #expect(try await stage.core.listFlows(none).total == 1)
        none.selector.id = [flow.id + 1]
        #expect(try await stage.core.listFlows(none).total == 0)
        await stage.stop()
    }

    @Test func aLimitedListStillTellsHowManyThereAre() async throws {
        let stage = try await CoreStage { CoreStage.tunnel(to: $0) }
        let clients = try (0..<3).map { _ in try TCPClient(port: stage.port) }
        try await offPool {
            for client in clients {
                try client.send(CoreStage.request(up: 8, down: 4))
                _ = try client.receive(exactly: 4)
            }
        }
        let listed = try await stage.core.listFlows(.with { $0.limit = 2 })
        #expect(listed.flows.count == 2 && listed.total == 3)
        await stage.stop()
    }

    @Test func closedFlowsAreThoseOfTheSelector() async throws {
        let stage = try await CoreStage { CoreStage.tunnel(to: $0) }
        let client = try TCPClient(port: stage.port)
        try await offPool {
            try client.send(CoreStage.request(up: 8, down: 4))
            _ = try client.receive(exactly: 4)
        }
        var request = Tidegate_Core_V1_CloseFlowsRequest()
        await #expect(throws: ControlError.self) { try await stage.core.closeFlows(request, by: .console) }
        request.selector.sourceIp = [Self.network([127, 0, 0, 2], 32)]
        #expect(try await stage.core.closeFlows(request, by: .console).closed == 0)
        request.selector.sourceIp = [Self.network([127, 0, 0, 0], 30)]
        #expect(try await stage.core.closeFlows(request, by: .console).closed == 1)
        let rest = try? await offPool { try client.receive() }
        #expect(rest?.isEmpty ?? true)
        request.selector = .init()
        request.all = true
        #expect(try await stage.core.closeFlows(request, by: .console).closed == 0)
        await stage.stop()
    }

    @Test func aSelectorThatCannotBeReadIsRefused() async throws {
        let stage = try await CoreStage { CoreStage.tunnel(to: $0) }
        var request = Tidegate_Core_V1_CloseFlowsRequest()
        request.selector.sourceIp = [Self.network([1, 2, 3], 8)]
        let error = await #expect(throws: ControlError.self) {
            try await stage.core.closeFlows(request, by: .console)
        }
        #expect(error?.message == "tidegate/core: source_ip > app/router: invalid CIDR: [1.2.3]/8")
        await stage.stop()
    }
}
