// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import ProxyCore
import ProxyModel
import Telemetry
import TestSupport
import Testing
import XrayProtos

@Suite(.serialized) struct RelayTests {
    @Test func bytesArriveBothWaysAndAreCountedOnEverySide() async throws {
        let stage = try await CoreStage { CoreStage.tunnel(to: $0) }
        let client = try TCPClient(port: stage.port)
        let answer = try await offPool {
            try client.send(CoreStage.request(up: 300_000, down: 700_000))
            return try client.receive(exactly: 700_000)
        }
        #expect(answer.allSatisfy { $0 == 0x64 })
        for side in ["inbound>>>in", "outbound>>>out"] {
            #expect(stage.core.counterValue(named: "\(side)>>>traffic>>>uplink") == 300_000)
            #expect(stage.core.counterValue(named: "\(side)>>>traffic>>>downlink") == 700_000)
        }
        await stage.stop()
    }

    @Test func userCountersHoldPayloadOnly() async throws {
        let stage = try await CoreStage { _ in try! CoreStage.vless([(CoreStage.alice, "alice@example.com")]) }
        let client = try VLESSClient(proxy: stage.port, id: CoreStage.alice, target: stage.server.port)
        try await offPool { try client.exchange(up: 5_000, down: 9_000) }
        #expect(stage.core.counterValue(named: "user>>>alice@example.com>>>traffic>>>uplink") == 5_000)
        #expect(stage.core.counterValue(named: "user>>>alice@example.com>>>traffic>>>downlink") == 9_000)
        #expect(stage.core.counterValue(named: "inbound>>>in>>>traffic>>>downlink") == 9_002)
        await stage.stop()
    }

    @Test func endOfTheClientsStreamReachesTheTargetWhileTheAnswerStillComes() async throws {
        let echo = try HalfCloseServer()
        let stage = try await CoreStage { _ in CoreStage.tunnel(to: echo.port) }
        let client = try TCPClient(port: stage.port)
        let (answer, rest) = try await offPool {
            try client.send([1, 2, 3])
            client.endOutput()
            return (try client.receive(exactly: 3), try client.receive())
        }
        #expect(answer == [1, 2, 3], "the server answers only after the end of the stream")
        #expect(rest.isEmpty)
        echo.stop()
        await stage.stop()
    }

    @Test func readerThatDoesNotReadIsNotBuffered() async throws {
        let stage = try await CoreStage { CoreStage.tunnel(to: $0) }
        let client = try TCPClient(port: stage.port)
        let core = stage.core
        // What the core takes in is bounded by its own buffers and the kernel's, so the counter comes to rest far below
        // the 200 MiB that the server would like to send.
        let taken = try await offPool {
            try client.send(CoreStage.request(up: 8, down: 200 << 20))
            _ = try client.receive(exactly: 1)
            var last: Int64 = -1
            let cameToRest = Wait.until(seconds: 10) {
                let now = core.counterValue(named: "outbound>>>out>>>traffic>>>downlink") ?? 0
                defer { last = now }
                usleep(200_000)
                return now == last
            }
            return cameToRest ? last : .max
        }
        #expect(taken < 64 << 20, "\(taken) bytes were taken in")
        let rest = try await offPool {
            var rest = (200 << 20) - 1
            while rest > 0, case let count = try client.receive(1 << 20).count, count > 0 { rest -= count }
            return rest
        }
        #expect(rest == 0)
        await stage.stop()
    }

    @Test func silentFlowIsEndedAfterItsIdleLimit() async throws {
        var policy = Xray_App_Policy_Policy()
        policy.timeout.connectionIdle.value = 1
        let stage = try await CoreStage(policy: policy) { CoreStage.tunnel(to: $0) }
        let client = try TCPClient(port: stage.port)
        let rest = try await offPool {
            try client.send(CoreStage.request(up: 8, down: 1))
            _ = try client.receive(exactly: 1)
            return try client.receive()
        }
        #expect(rest.isEmpty, "closed by the core")
        #expect(await stage.core.flowCount() == 0)
        await stage.stop()
    }

    @Test func connectionWithoutAHeaderIsEndedAfterTheHandshakeLimit() async throws {
        var policy = Xray_App_Policy_Policy()
        policy.timeout.handshake.value = 1
        let stage = try await CoreStage(policy: policy) { _ in try! CoreStage.vless([]) }
        let client = try TCPClient(port: stage.port)
        let rest = try await offPool {
            try client.send([0])
            return try client.receive()
        }
        #expect(rest.isEmpty)
        await stage.stop()
    }

    @Test func refusedHandshakeIsAnEventThatNamesInboundSourceAndReason() async throws {
        let stage = try await CoreStage { _ in try! CoreStage.vless([(CoreStage.alice, "alice@example.com")]) }
        var events = stage.core.bus.subscribe(buffer: 10).makeAsyncIterator()
        let client = try TCPClient(port: stage.port)
        try await offPool { try client.send([UInt8](repeating: 0xff, count: 64)) }
        let delivery = await events.next()
        guard case .event(let event) = delivery,
            case .connectionRejected(let inbound, let source, let reason) = event.kind
        else {
            Issue.record("not a rejection: \(String(describing: delivery))")
            return
        }
        #expect(inbound == "in")
        #expect(source == .loopbackV4)
        #expect(!reason.isEmpty)
        await stage.stop()
    }

    @Test func privateTargetsOfRemoteUsersAreRefusedUnlessARuleAllowsThem() async throws {
        let stage = try await CoreStage(outbound: Xray_Proxy_Freedom_Config()) { _ in
            try! CoreStage.vless([(CoreStage.alice, "alice@example.com")])
        }
        let client = try VLESSClient(proxy: stage.port, id: CoreStage.alice, target: stage.server.port, timeout: 3)
        await #expect(throws: (any Error).self) { try await offPool { try client.exchange(up: 8, down: 1) } }
        await stage.stop()
    }
}
