// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
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

        for other in others.dropLast() { try remove(other.email, from: server) }
        try add(user, to: server)
        try await exchange(TCPClient(port: client.port))
        try await exchange(live)
        let carried = server.core.counterValue(named: "user>>>a@b>>>traffic>>>downlink")
        #expect(carried == Int64(54_000), "what the refused connection sent is not counted")
        await client.stop()
        await server.stop()
    }
}
