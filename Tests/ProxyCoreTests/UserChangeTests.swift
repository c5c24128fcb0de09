// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import NIOPosix
import ProxyCore
import SwiftProtobuf
import TestSupport
import Testing
import XrayProtos

/// Users that the API adds and removes while traffic flows.
@Suite(.serialized) struct UserChangeTests {
    private static let hops: [ProxyHop] = [.vless, .vmess, .trojan, .shadowsocks, .shadowsocks2022Users]

    private func alter(_ stage: CoreStage, _ operation: any SwiftProtobuf.Message) throws {
        var request = Xray_App_Proxyman_Command_AlterInboundRequest()
        request.tag = "in"
        request.operation = try TypedMessages.pack(operation)
        _ = try stage.core.alterInbound(request, by: .console)
    }

    private func add(_ user: Xray_Common_Protocol_User, to stage: CoreStage) throws {
        var operation = Xray_App_Proxyman_Command_AddUserOperation()
        operation.user = user
        try alter(stage, operation)
    }

    private func remove(_ email: String, from stage: CoreStage) throws {
        var operation = Xray_App_Proxyman_Command_RemoveUserOperation()
        operation.email = email
        try alter(stage, operation)
    }

    @Test(arguments: hops)
    func aRemovedUserIsRefusedAndServedAgainWhileOthersAndLiveFlowsGoOn(_ hop: ProxyHop) async throws {
        let server = try await CoreStage { _ in try hop.inbound() }
        let client = try await CoreStage(outbound: hop.outbound(port: server.port)) { _ in
            CoreStage.tunnel(to: server.server.port)
        }
        let live = try TCPClient(port: client.port)
        func exchange(_ socket: TCPClient) async throws {
            nonisolated(unsafe) let socket = socket
            try await offPool {
                try socket.send(CoreStage.request(up: 5_000, down: 9_000))
                guard try socket.receive(exactly: 9_000).allSatisfy({ $0 == 0x64 }) else {
                    throw Failure("other bytes")
                }
            }
        }
        try await exchange(live)
        let user = try hop.user()

        // Others come and go all the while.
        let others = try (0..<40).map { try hop.user(number: $0) }
        for other in others { try add(other, to: server) }
        try await exchange(live)
        try await exchange(TCPClient(port: client.port))
        // Shadowsocks takes an e-mail several times, as Xray does.
        if hop != .shadowsocks {
            #expect(throws: ControlError.self, "the e-mail is taken") { try add(hop.user(), to: server) }
        }

        try remove("A@B", from: server)
        try await exchange(live)
        // Trial of keys reads more than one exchange before it gives up: the refused connection just says nothing.
        let refused = try TCPClient(port: client.port, timeout: 2)
        await #expect(throws: (any Error).self) { try await exchange(refused) }
        // It has come that far before the user is back, however busy the machine is.
        try await eventually { !server.core.rejectedHandshakes.isEmpty }

        for other in others.dropLast() { try remove(other.email, from: server) }
        try add(user, to: server)
        try await exchange(TCPClient(port: client.port))
        try await exchange(live)
        let carried = server.core.counterValue(named: "user>>>a@b>>>traffic>>>downlink")
        #expect(carried == Int64(54_000), "what the refused connection sent is not counted")
        await client.stop()
        await server.stop()
    }

    /// VLESS's request for datagrams to `port` of this machine.
    private func packetRequest(to port: UInt16) -> [UInt8] {
        let id = withUnsafeBytes(of: CoreStage.alice.uuid) { Array($0) }
        return [0] + id + [0, 2, UInt8(port >> 8), UInt8(port & 255), 1, 127, 0, 0, 1]
    }

    @Test func datagramsOfAUserWhoWasRemovedMeanwhileOpenNoFlow() async throws {
        let log = try LogLines()
        // On one loop, so that the first request has been read when the second is answered.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { group.shutdownGracefully { _ in } }
        let stage = try await CoreStage(log: log.log, group: group) { _ in
            try CoreStage.vless([(CoreStage.alice, "a@b")])
        }
        let echo = try UDPSocket()
        echo.echoInBackground()
        let held = try TCPClient(port: stage.port)
        let serving = try TCPClient(port: stage.port)
        nonisolated(unsafe) let (first, second) = (held, serving)
        let answer = try await offPool {
            try first.send(self.packetRequest(to: echo.port))
            try second.send(self.packetRequest(to: echo.port) + [0, 1, 7])
            return try second.receive(exactly: 5)
        }
        #expect(answer == [0, 0, 0, 1, 7])
        try remove("a@b", from: stage)
        try await offPool { try first.send([0, 1, 8]) }
        try await eventually { log.text.contains("user a@b was removed") }
        #expect(await stage.core.flowCount() == 1, "the flow that there was goes on")
        await stage.stop()
    }

    /// The one edition names the user in each datagram, the other in each of a session.
    @Test(arguments: [ProxyHop.shadowsocks, .shadowsocks2022Users], [false, true])
    func aUserWhoIsBackReachesNewTargetsFromTheSameSocket(_ hop: ProxyHop, closesFlows: Bool) async throws {
        let server = try await CoreStage { _ in try hop.inbound() }
        let client = try await CoreStage(outbound: hop.outbound(port: server.port)) { _ in ProxyHop.socksWithUDP }
        let control = try TCPClient(port: client.port)
        let relay = try await offPool { try control.associate() }
        let socket = try UDPSocket()
        func reach(_ far: UDPSocket) async throws {
            let head: [UInt8] = [0, 0, 0, 1, 127, 0, 0, 1, UInt8(far.port >> 8), UInt8(far.port & 255)]
            try await offPool {
                try socket.send(head + [1], to: relay)
                _ = try far.receive()
            }
        }
        try await reach(UDPSocket())
        try remove("a@b", from: server)
        if closesFlows { #expect(await server.core.closeFlows(FlowSelector(email: "a@b"), by: .console) == 1) }
        try add(hop.user(), to: server)
        try await reach(UDPSocket())
        await client.stop()
        await server.stop()
    }

    @Test func aUserWhoTookOverAKeyStaysWhenTheFormerOneIsRemoved() async throws {
        let stage = try await CoreStage { _ in try CoreStage.vless([(CoreStage.alice, "old@x")]) }
        try add(try CoreStage.user(CoreStage.alice, "new@x"), to: stage)
        try remove("old@x", from: stage)
        try await offPool { [port = stage.port, target = stage.server.port] in
            let client = try VLESSClient(proxy: port, id: CoreStage.alice, target: target)
            try client.exchange(up: 100, down: 200)
        }
        #expect(stage.core.counterValue(named: "user>>>new@x>>>traffic>>>downlink") == 200)
        await stage.stop()
    }

    @Test func aConnectionForDatagramsThatSendsNoneEndsWhenItHasBeenIdle() async throws {
        var policy = Xray_App_Policy_Policy()
        policy.timeout.connectionIdle.value = 1
        let stage = try await CoreStage(policy: policy) { _ in try CoreStage.vless([(CoreStage.alice, "a@b")]) }
        nonisolated(unsafe) let client = try TCPClient(port: stage.port)
        let received = try await offPool {
            try client.send(self.packetRequest(to: 9))
            return try client.receive()
        }
        #expect(received.isEmpty, "the end")
        await stage.stop()
    }
}
