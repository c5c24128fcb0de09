// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import NIOPosix
import ProxyModel
import TestSupport
import Testing
import XrayProtos

@testable import ProxyCore
@testable import ProxyProtocols

/// Each event loop has a UDP socket on an inbound's port.
@Suite(.serialized) struct SocketPerLoopTests {
    @Test func sourcesAreSpreadAndEachStaysWhereItIs() async throws {
        let echo = try UDPSocket()
        echo.echoInBackground()
        let stage = try await CoreStage { _ in CoreStage.tunnel(to: echo.port, [.udp]) }
        let clients = try (0..<32).map { _ in try UDPSocket() }
        for round in 0..<3 as Range<UInt8> {
            try await offPool {
                for client in clients {
                    try client.send([round], to: stage.port)
                    let answer = try client.receive()
                    #expect(answer.bytes == [round] && answer.port == stage.port)
                }
            }
        }
        let counts = await stage.core.loops.gather { $0.flowCount }
        #expect(counts.reduce(0, +) == clients.count, "one flow for a source, whatever it sends")
        #expect(!counts.contains(0), "every event loop has its part")
        await stage.stop()
    }

    @Test func aSocketThatFailedIsOpenedAgainAndLetGo() async throws {
        let log = try LogLines()
        let stage = try await CoreStage(log: log.log) { _ in CoreStage.tunnel(to: 9, [.udp]) }
        let inbound = try #require(stage.core.inbounds.find("in"))
        let loop = stage.core.loops.contexts[0]
        let owner = Listener.Owner(inbound)
        let datagrams = InboundDatagrams(services: stage.core.services, loop: loop, owner: owner)
        let before = inbound.localAddresses.count
        weak var failed: (any Channel)?
        var place: SocketAddress?
        do {
            let channel = try await loop.eventLoop.flatSubmit {
                datagrams.bind(SocketAddress(.loopbackV4, port: 0))
            }.get()
            let address = try #require(channel.localAddress)
            inbound.opened(Listener(place: .udp(address), socket: ChannelSocket(channel: channel), owner: owner))
            failed = channel
            place = address
            try await channel.close()
        }
        try await eventually {
            inbound.localAddresses.count == before + 1 && inbound.localAddresses.contains { $0 == place }
        }
        #expect(log.text.contains("it is opened again"))
        try await eventually { failed == nil }
        await stage.stop()
    }

    @Test func aPortThatSomebodyHasIsAnError() async throws {
        let taken = try UDPSocket()
        await #expect(throws: ControlError.self) {
            let stage = try await CoreStage(configure: { configuration in
                configuration.inbounds = [
                    try CoreStage.inbound("in", port: taken.port, CoreStage.tunnel(to: 9, [.udp]))
                ]
            }) { _ in CoreStage.tunnel(to: 9, [.udp]) }
            await stage.stop()
        }
    }

    /// A session of Shadowsocks 2022 belongs to no address: the same one comes from sixteen, on all event loops.
    @Test func aClientThatChangesItsAddressGoesOn() async throws {
        let echo = try UDPSocket()
        echo.echoInBackground()
        let stage = try await CoreStage { _ in try ProxyHop.shadowsocks2022Users.inbound() }
        let keys = Shadowsocks2022Keys(
            method: try Shadowsocks2022Method.named("2022-blake3-aes-256-gcm", scope: "test"),
            identities: [[UInt8](repeating: 1, count: 32)], user: [UInt8](repeating: 2, count: 32))
        let codec = Shadowsocks2022DatagramCodec(keys: keys)
        let target = Destination(network: .udp, address: .ip(.loopbackV4), port: echo.port)
        var first: [UInt8] = []
        // Kept, so that no port is used twice.
        var clients: [UDPSocket] = []
        for number in 0..<16 as Range<UInt8> {
            let packet = Packet(payload: ByteBuffer(bytes: [number]), peer: target)
            let sealed = Array(try #require(codec.encode(packet, allocator: .init())).readableBytesView)
            if number == 0 { first = sealed }
            let client = try UDPSocket()
            clients.append(client)
            let answer = try await offPool {
                try client.send(sealed, to: stage.port)
                return try client.receive().bytes
            }
            #expect(codec.decode(ByteBuffer(bytes: answer))?.payload == packet.payload)
        }
        // A replay is told from what is new wherever it comes from.
        try await offPool { [first] in
            for _ in 0..<16 { try UDPSocket().send(first, to: stage.port) }
        }
        try await eventually {
            stage.core.rejectedHandshakes.first { $0.reason == "replayed datagram" }?.count == 16
        }
        #expect(await stage.core.flowCount() == 16)
        await stage.stop()
    }
}
