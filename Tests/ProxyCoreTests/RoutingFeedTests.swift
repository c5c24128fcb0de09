// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import ProxyCore
import SwiftProtobuf
import TestSupport
import Testing
import XrayProtos

@Suite(.serialized) struct RoutingFeedTests {
    private func rule(to tag: String) throws -> Xray_App_Router_Command_AddRuleRequest {
        var rule = Xray_App_Router_RoutingRule()
        rule.tag = tag
        rule.networks = [.tcp]
        let config = try TypedMessages.pack(Xray_App_Router_Config.with { $0.rule = [rule] })
        return .with { $0.config = config }
    }

    @Test func aSubscriberWhoDoesNotReadLosesTheOldestDecisionsAndNothingIsKeptForHim() async throws {
        let stage = try await CoreStage { CoreStage.tunnel(to: $0) }
        _ = try await stage.core.addRule(rule(to: "out"), by: .console)
        let stream = try stage.core.subscribeRoutingStats(.with { $0.fieldSelectors = ["port_source"] })
        for number in 1...3000 {
            _ = try await stage.core.testRoute(
                .with {
                    $0.routingContext.network = .tcp
                    $0.routingContext.sourcePort = UInt32(number)
                    $0.publishResult = true
                })
        }
        await stage.stop()
        var ports: [UInt32] = []
        for try await decision in stream {
            ports.append(decision.sourcePort)
            #expect(decision.outboundTag.isEmpty && decision.network == .unknown)
        }
        #expect(ports == Array(1977...3000))
    }

    @Test func decisionsThatLeadNowhereAreToldToo() async throws {
        let stage = try await CoreStage { CoreStage.tunnel(to: $0) }
        _ = try await stage.core.addRule(rule(to: "nowhere"), by: .console)
        let stream = try stage.core.subscribeRoutingStats(.init())
        let client = try TCPClient(port: stage.port)
        _ = try? await offPool { try client.receive() }
        await stage.stop()
        var tags: [String] = []
        for try await decision in stream { tags.append("\(decision.inboundTag) \(decision.outboundTag)") }
        #expect(tags == ["in nowhere"])
    }
}
