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

    @Test func slowReaderGetsTheEndOfItsDownload() async throws {
        let greedy = try await CoreStage { CoreStage.tunnel(to: $0) }
        let echo = try HalfCloseServer()
        let stage = try await CoreStage { _ in CoreStage.tunnel(to: echo.port) }
        let (count, received) = try await offPool {
            // What the core and the kernel take of a download that nobody reads: the last of it waits in the core.
            let stuck = try TCPClient(port: greedy.port)
            try stuck.send(CoreStage.request(up: 8, down: 200 << 20))
            let count = Int(Self.restingValue(of: "outbound>>>out>>>traffic>>>downlink", in: greedy.core)) - (64 << 10)

            let client = try TCPClient(port: stage.port, timeout: 60)
            try client.send([UInt8](repeating: 7, count: count))
            client.endOutput()
            _ = Wait.until { stage.core.counterValue(named: "outbound>>>out>>>traffic>>>downlink") == Int64(count) }
            // Longer than a flow may idle after both its streams have ended.
            sleep(3)
            var received = 0
            while case let part = try client.receive(1 << 20).count, part > 0 { received += part }
            return (count, received)
        }
        #expect(received == count)
        #expect(await flowsEnd(stage), "no flow is left behind")
        echo.stop()
        await stage.stop()
        await greedy.stop()
    }

    private static func restingValue(of name: String, in core: ProxyCore) -> Int64 {
        var last: Int64 = -1
        let cameToRest = Wait.until(seconds: 10) {
            let now = core.counterValue(named: name) ?? 0
            defer { last = now }
            usleep(200_000)
            return now == last
        }
        return cameToRest ? last : .max
    }

    private func flowsEnd(_ stage: CoreStage) async -> Bool {
        for _ in 0..<200 {
            if await stage.core.flowCount() == 0 { return true }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return false
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
            return Self.restingValue(of: "outbound>>>out>>>traffic>>>downlink", in: core)
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
