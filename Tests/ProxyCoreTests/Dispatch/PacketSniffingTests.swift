// SPDX-License-Identifier: Apache-2.0
import Foundation
import NIOCore
import ProxyModel
import Routing
import TestSupport
import Testing
import XrayProtos

@testable import ProxyCore

/// The server names of QUIC connections, on the way through a core.
@Suite(.serialized) struct PacketSniffingTests {
    private static let initial = datagram(SniffVectors.quicInitial)
    private static let split = [SniffVectors.splitFirst, SniffVectors.splitSecond, SniffVectors.splitThird].map(
        datagram)

    private static func datagram(_ hex: String) -> [UInt8] {
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
    }

    private static func sniffing(
        override: [String] = ["quic"], _ change: (inout Xray_App_Proxyman_SniffingConfig) -> Void = { _ in }
    ) -> Xray_App_Proxyman_SniffingConfig {
        var config = Xray_App_Proxyman_SniffingConfig()
        config.enabled = true
        config.destinationOverride = override
        change(&config)
        return config
    }

    private static func domain(_ name: String) -> Xray_Common_Geodata_DomainRule {
        var domain = Xray_Common_Geodata_DomainRule()
        domain.custom.type = .full
        domain.custom.value = name
        return domain
    }

    /// A tunnel to an address where nobody listens; all names are 127.0.0.1.
    /// - Parameter rule: What it is for goes out, and everything else nowhere.
    private static func stage(
        _ sniffing: Xray_App_Proxyman_SniffingConfig, to address: [UInt8] = [127, 0, 0, 9], port: UInt16,
        rule: ((inout Xray_App_Router_RoutingRule) -> Void)? = nil
    ) async throws -> CoreStage {
        try await CoreStage(
            resolver: .init(threads: 1) { _ in [.loopbackV4] },
            configure: { configuration in
                var receiver = try #require(
                    try configuration.inbounds[0].receiverSettings.typed(as: Xray_App_Proxyman_ReceiverConfig.self))
                receiver.sniffingSettings = sniffing
                configuration.inbounds[0].receiverSettings = try TypedMessages.pack(receiver)
                guard let rule else { return }
                var first = Xray_App_Router_RoutingRule()
                rule(&first)
                first.tag = "out"
                configuration.routing?.rule = [first]
                configuration.outbounds.insert(
                    try CoreStage.outbound("nowhere", Xray_Proxy_Blackhole_Config()), at: 0)
            },
            settings: { _ in
                var tunnel = CoreStage.tunnel(to: port, [.udp])
                tunnel.rewriteAddress.address = .ip(Data(address))
                return tunnel
            })
    }

    /// Sends the datagrams, and takes as many back.
    private static func echo(_ datagrams: [[UInt8]], _ stage: CoreStage) async throws -> [[UInt8]] {
        let client = try UDPSocket()
        return try await offPool {
            for datagram in datagrams { try client.send(datagram, to: stage.port) }
            return try datagrams.map { _ in
                let answer = try client.receive()
                #expect(answer.port == stage.port)
                return answer.bytes
            }
        }
    }

    @Test func serverNameTakesTheTargetsPlace() async throws {
        let server = try UDPSocket()
        server.echoInBackground()
        let stage = try await Self.stage(Self.sniffing(), port: server.port)
        // What follows belongs to the same connection, and goes the same way.
        let datagrams = [Self.initial, [0x40, 1, 2, 3], [0x41] + [UInt8](repeating: 7, count: 1_000)]
        #expect(try await Self.echo(datagrams, stage) == datagrams)
        #expect(await stage.core.flowCount() == 1)
        await stage.stop()
    }

    @Test func serverNameInSeveralDatagramsIsFoundAndNoneIsLost() async throws {
        let server = try UDPSocket()
        server.echoInBackground()
        let stage = try await Self.stage(Self.sniffing(), port: server.port)
        #expect(try await Self.echo(Self.split, stage) == Self.split)
        await stage.stop()
    }

    @Test func whatIsNeverCompleteIsSentOnWhenTheTimeIsUp() async throws {
        let server = try UDPSocket()
        server.echoInBackground()
        let stage = try await Self.stage(Self.sniffing(), to: [127, 0, 0, 1], port: server.port)
        let datagrams = Array(Self.split.prefix(2))
        #expect(try await Self.echo(datagrams, stage) == datagrams)
        await stage.stop()
    }

    @Test func answersOfTheNamedServerComeFromTheTarget() async throws {
        let server = try UDPSocket()
        server.echoInBackground()
        let stage = try await CoreStage(
            resolver: .init(threads: 1) { _ in [.loopbackV4] },
            configure: {
                var receiver = try #require(
                    try $0.inbounds[0].receiverSettings.typed(as: Xray_App_Proxyman_ReceiverConfig.self))
                receiver.sniffingSettings = Self.sniffing()
                $0.inbounds[0].receiverSettings = try TypedMessages.pack(receiver)
            },
            settings: { _ in ProxyHop.socksWithUDP })
        let control = try TCPClient(port: stage.port)
        let head: [UInt8] = [0, 0, 0, 1, 127, 0, 0, 9, UInt8(server.port >> 8), UInt8(server.port & 255)]
        let answer = try await offPool {
            let relay = try control.associate()
            let client = try UDPSocket()
            try client.send(head + Self.initial, to: relay)
            return try client.receive().bytes
        }
        #expect(answer == head + Self.initial)
        await stage.stop()
    }

    @Test func rulesSeeTheProtocolAndTheName() async throws {
        let server = try UDPSocket()
        server.echoInBackground()
        let rules: [(inout Xray_App_Router_RoutingRule) -> Void] = [
            { $0.protocol = ["quic"] }, { $0.domain = [Self.domain("localhost")] },
        ]
        for rule in rules {
            let stage = try await Self.stage(
                Self.sniffing { $0.routeOnly = true }, to: [127, 0, 0, 1], port: server.port, rule: rule)
            let client = try UDPSocket()
            let answer = try await offPool {
                // The first is nothing that the rule is for, and is swallowed.
                let other = try UDPSocket()
                try other.send([1, 2, 3], to: stage.port)
                try client.send(Self.initial, to: stage.port)
                return try client.receive().bytes
            }
            #expect(answer == Self.initial)
            #expect(stage.core.counterValue(named: "outbound>>>out>>>traffic>>>uplink") == 1_200)
            await stage.stop()
        }
    }

    @Test(arguments: 0..<4) func theTargetStaysWhereTheNameDoesNotCount(_ reason: Int) async throws {
        let server = try UDPSocket()
        server.echoInBackground()
        let settings = [
            Self.sniffing { $0.domainsExcluded = [Self.domain("localhost")] }, Self.sniffing(override: ["tls"]),
            Self.sniffing { $0.routeOnly = true }, Self.sniffing { $0.metadataOnly = true },
        ][reason]
        // Nobody listens at the name's address, and the target's answers.
        let stage = try await CoreStage(
            resolver: .init(threads: 1) { _ in [.v4(0x7f00_0009)] },
            configure: {
                var receiver = try #require(
                    try $0.inbounds[0].receiverSettings.typed(as: Xray_App_Proxyman_ReceiverConfig.self))
                receiver.sniffingSettings = settings
                $0.inbounds[0].receiverSettings = try TypedMessages.pack(receiver)
            },
            settings: { _ in CoreStage.tunnel(to: server.port, [.udp]) })
        #expect(try await Self.echo([Self.initial], stage) == [Self.initial])
        await stage.stop()
    }

    @Test func nameIsFoundOnTheWayRound() async throws {
        let server = try UDPSocket()
        server.echoInBackground()
        let stage = try await CoreStage(
            resolver: .init(threads: 1) { _ in [.loopbackV4] },
            configure: {
                var loopback = Xray_Proxy_Loopback_Config()
                loopback.inboundTag = "again"
                loopback.sniffing = Self.sniffing()
                $0.outbounds.insert(try CoreStage.outbound("round", loopback), at: 0)
                var rule = Xray_App_Router_RoutingRule()
                rule.inboundTag = ["again"]
                rule.domain = [Self.domain("split.example.com")]
                rule.tag = "out"
                $0.routing?.rule = [rule]
            },
            settings: { _ in
                var tunnel = CoreStage.tunnel(to: server.port, [.udp])
                tunnel.rewriteAddress.address = .ip(Data([127, 0, 0, 9]))
                return tunnel
            })
        #expect(try await Self.echo(Self.split, stage) == Self.split)
        await stage.stop()
    }

    // MARK: What is held

    private static func opening(_ sniffing: Xray_App_Proxyman_SniffingConfig?) throws -> PacketOpening {
        let target = Destination(network: .udp, address: .ip(.loopbackV4), port: 443)
        let session = Session(
            logID: 1, inboundTag: "in", inboundProtocol: "socks", fromRemoteUser: false, source: .unspecified,
            local: .unspecified, user: nil, level: 0, target: target)
        let settings = try sniffing.flatMap { try SniffingSettings($0, assets: .init()) }
        return PacketOpening(to: target, as: session, settings)
    }

    private static func packet(_ bytes: [UInt8]) -> Packet {
        Packet(
            payload: ByteBuffer(bytes: bytes),
            peer: Destination(network: .udp, address: .ip(.loopbackV4), port: 443))
    }

    private static func isOver(_ progress: PacketOpening.Progress) -> Bool {
        if case .isSniffed = progress { true } else { false }
    }

    @Test func aHelloWithoutEndIsHeldOnlyForSoManyDatagrams() throws {
        let opening = try Self.opening(Self.sniffing())
        for _ in 1..<PacketOpening.sniffedPackets {
            #expect(!Self.isOver(opening.add(Self.packet(Self.split[0]))))
        }
        #expect(Self.isOver(opening.add(Self.packet(Self.split[0]))))
        #expect(opening.packets.count == PacketOpening.sniffedPackets && !opening.isSniffing)
    }

    @Test func aHelloWithoutEndIsHeldOnlyForSoManyBytes() throws {
        let opening = try Self.opening(Self.sniffing())
        // An Initial packet, and then what no sniffer looks at.
        let large = Self.split[0] + [UInt8](repeating: 0, count: 32_000)
        #expect(Self.isOver(opening.add(Self.packet(large))))
        #expect(opening.packets.map(\.payload.readableBytes) == [large.count])
    }

    @Test func queueForARouteIsBounded() throws {
        let opening = try Self.opening(nil)
        for _ in 0..<1_000 { #expect(!Self.isOver(opening.add(Self.packet([UInt8](repeating: 0, count: 1_400))))) }
        #expect(opening.packets.count == 64)
        let bytes = try Self.opening(nil)
        for _ in 0..<10 { _ = bytes.add(Self.packet([UInt8](repeating: 0, count: 60_000))) }
        #expect(bytes.packets.count == 1)
    }
}
