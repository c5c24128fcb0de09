// SPDX-License-Identifier: Apache-2.0
import Foundation
import NIOCore
import ProxyCore
import ProxyModel
import SwiftProtobuf
import Telemetry
import TestSupport
import Testing
import XrayProtos

@testable import ProxyProtocols

struct SniffingTests {
    /// A tunnel to an address where nobody listens, unless the sniffed name takes its place.
    private static func stage(
        _ sniffing: Xray_App_Proxyman_SniffingConfig, to address: [UInt8] = [127, 0, 0, 9], port: UInt16,
        rule: Xray_App_Router_RoutingRule? = nil, log: CoreLog? = nil
    ) async throws -> CoreStage {
        try await CoreStage(
            log: log,
            configure: { configuration in
                var receiver = try #require(
                    try configuration.inbounds[0].receiverSettings.typed(as: Xray_App_Proxyman_ReceiverConfig.self))
                receiver.sniffingSettings = sniffing
                configuration.inbounds[0].receiverSettings = try TypedMessages.pack(receiver)
                var refusal = Xray_Proxy_Blackhole_Config()
                refusal.response = try TypedMessages.pack(Xray_Proxy_Blackhole_HTTPResponse())
                configuration.outbounds.append(try CoreStage.outbound("refused", refusal))
                if let rule { configuration.routing?.rule = [rule] }
            },
            settings: { _ in
                var tunnel = CoreStage.tunnel(to: port)
                tunnel.rewriteAddress.address = .ip(Data(address))
                return tunnel
            })
    }

    private static func sniffing(
        override: [String] = ["http", "tls"], _ change: (inout Xray_App_Proxyman_SniffingConfig) -> Void = { _ in }
    ) -> Xray_App_Proxyman_SniffingConfig {
        var config = Xray_App_Proxyman_SniffingConfig()
        config.enabled = true
        config.destinationOverride = override
        change(&config)
        return config
    }

    private static func refuse(
        _ change: (inout Xray_App_Router_RoutingRule) -> Void
    ) -> Xray_App_Router_RoutingRule {
        var rule = Xray_App_Router_RoutingRule()
        rule.tag = "refused"
        change(&rule)
        return rule
    }

    private static func domainRule(_ name: String) -> Xray_Common_Geodata_DomainRule {
        var domain = Xray_Common_Geodata_DomainRule()
        domain.custom.type = .full
        domain.custom.value = name
        return domain
    }

    private static let request = Array("GET /here HTTP/1.1\r\nHost: localhost\r\nX-Probe: yes\r\n\r\n".utf8)

    /// What comes back for these bytes, up to the end of the stream.
    private static func answer(_ stage: CoreStage, _ bytes: [UInt8]) async throws -> String {
        let client = try TCPClient(port: stage.port)
        return try await offPool {
            try client.send(bytes)
            client.endOutput()
            var all: [UInt8] = []
            while case let part = try client.receive(), !part.isEmpty { all += part }
            return String(decoding: all, as: UTF8.self)
        }
    }

    @Test func sniffedHostTakesTheTargetsPlace() async throws {
        let echo = try HalfCloseServer()
        let lines = try LogLines()
        let stage = try await Self.stage(Self.sniffing(), port: echo.port, log: lines.log)
        #expect(try await Self.answer(stage, Self.request) == String(decoding: Self.request, as: UTF8.self))
        #expect(lines.text.contains("app/dispatcher: sniffed domain: localhost"))
        #expect(lines.text.contains("taking detour [out] for [tcp:localhost:\(echo.port)]"))
        #expect(lines.text.contains("accepted tcp:127.0.0.9:\(echo.port) [in >> out]"), "what the client asked for")
        echo.stop()
        await stage.stop()
    }

    @Test func endThatTheProtocolMarksWhileMoreIsWaitedForIsPassedOn() async throws {
        let echo = try HalfCloseServer()
        var policy = Xray_App_Policy_Policy()
        policy.timeout.downlinkOnly.value = 1_000
        let server = try await CoreStage(
            policy: policy,
            configure: { configuration in
                var receiver = try #require(
                    try configuration.inbounds[0].receiverSettings.typed(as: Xray_App_Proxyman_ReceiverConfig.self))
                receiver.sniffingSettings = Self.sniffing()
                configuration.inbounds[0].receiverSettings = try TypedMessages.pack(receiver)
            },
            settings: { _ in try ProxyHop.vmess.inbound() })
        let id = try #require(UserID(bytes: withUnsafeBytes(of: CoreStage.alice.uuid) { Array($0) }))
        let user = VMessUser(user: ProxyUser(email: "", level: 0), id: id)
        let request = VMessRequest(
            iv: [UInt8](repeating: 1, count: 16), key: [UInt8](repeating: 2, count: 16), check: 3,
            options: [.chunkStream, .chunkMasking, .globalPadding], security: .aes128GCM,
            target: Destination(network: .tcp, address: .ip(.loopbackV4), port: echo.port))
        let sealed = request.sealed(
            commandKey: user.commandKey, identifiers: AESBlock(key: user.identifierKey),
            time: Int64(Date().timeIntervalSince1970))
        var bytes = try #require(sealed)
        let codec = VMessCodec(client: try #require(VMessBody(request)), marksEnd: true)
        // As requests of HTTP begin. The connection stays open both ways, as other clients leave it.
        bytes.writeImmutableBuffer(codec.encode(ByteBuffer(string: "GE"), allocator: .init()))
        bytes.writeImmutableBuffer(try #require(codec.finish(allocator: .init())))
        let answer = try await offPool { [bytes] in
            let client = try TCPClient(port: server.port)
            try client.send(Array(bytes.readableBytesView))
            var received = ByteBuffer()
            while true {
                if let payload = try codec.decode(&received) { return String(buffer: payload) }
                received.writeBytes(try client.receive())
            }
        }
        #expect(answer == "GE")
        echo.stop()
        await server.stop()
    }

    @Test func protocolThatIsNotToBeOverriddenLeavesTheTarget() async throws {
        let echo = try HalfCloseServer()
        let stage = try await Self.stage(Self.sniffing(override: ["tls"]), port: echo.port)
        #expect(try await Self.answer(stage, Self.request).isEmpty)
        echo.stop()
        await stage.stop()
    }

    @Test func excludedDomainLeavesTheTarget() async throws {
        let echo = try HalfCloseServer()
        let sniffing = Self.sniffing { $0.domainsExcluded = [Self.domainRule("localhost")] }
        let stage = try await Self.stage(sniffing, port: echo.port)
        #expect(try await Self.answer(stage, Self.request).isEmpty)
        echo.stop()
        await stage.stop()
    }

    @Test func excludedAddressLeavesTheTarget() async throws {
        let echo = try HalfCloseServer()
        var block = Xray_Common_Geodata_IPRule()
        block.custom.cidr.ip = Data([127, 0, 0, 0])
        block.custom.cidr.prefix = 8
        let stage = try await Self.stage(Self.sniffing { $0.ipsExcluded = [block] }, port: echo.port)
        #expect(try await Self.answer(stage, Self.request).isEmpty)
        echo.stop()
        await stage.stop()
    }

    @Test func routeOnlyShowsTheDomainToRulesAndKeepsTheTarget() async throws {
        let echo = try HalfCloseServer()
        let sniffing = Self.sniffing { $0.routeOnly = true }
        let rule = Self.refuse { $0.domain = [Self.domainRule("localhost")] }
        let refusing = try await Self.stage(sniffing, to: [127, 0, 0, 1], port: echo.port, rule: rule)
        #expect(try await Self.answer(refusing, Self.request).hasPrefix("HTTP/1.1 403"))
        await refusing.stop()
        let direct = try await Self.stage(sniffing, port: echo.port)
        #expect(try await Self.answer(direct, Self.request).isEmpty, "nobody listens at the target")
        await direct.stop()
        echo.stop()
    }

    @Test func rulesSeeTheProtocolAndTheHeaders() async throws {
        let echo = try HalfCloseServer()
        let byProtocol = Self.refuse { $0.protocol = ["bittorrent"] }
        let first = try await Self.stage(Self.sniffing(), to: [127, 0, 0, 1], port: echo.port, rule: byProtocol)
        #expect(try await Self.answer(first, [19] + Array("BitTorrent protocol".utf8)).hasPrefix("HTTP/1.1 403"))
        #expect(try await Self.answer(first, Self.request).hasPrefix("GET /here"))
        await first.stop()
        let byHeader = Self.refuse { $0.attributes = [":path": "^/here$", "x-probe": "yes"] }
        let second = try await Self.stage(Self.sniffing(), to: [127, 0, 0, 1], port: echo.port, rule: byHeader)
        #expect(try await Self.answer(second, Self.request).hasPrefix("HTTP/1.1 403"))
        await second.stop()
        echo.stop()
    }

    @Test func metadataOnlyLooksAtNothing() async throws {
        let echo = try HalfCloseServer()
        let rule = Self.refuse { $0.protocol = ["http"] }
        let sniffing = Self.sniffing { $0.metadataOnly = true }
        let stage = try await Self.stage(sniffing, to: [127, 0, 0, 1], port: echo.port, rule: rule)
        #expect(try await Self.answer(stage, Self.request).hasPrefix("GET /here"))
        echo.stop()
        await stage.stop()
    }

    @Test func silentClientIsRoutedWhenTheTimeIsUp() async throws {
        let echo = try HalfCloseServer()
        let stage = try await Self.stage(Self.sniffing(), to: [127, 0, 0, 1], port: echo.port)
        let client = try TCPClient(port: stage.port)
        while await stage.core.flowCount() == 0 { try await Task.sleep(for: .milliseconds(20)) }
        let answer = try await offPool {
            try client.send([1, 2, 3])
            client.endOutput()
            return try client.receive(exactly: 3)
        }
        #expect(answer == [1, 2, 3])
        echo.stop()
        await stage.stop()
    }

    @Test func listOfGeographicDataThatIsNotThereIsRefused() async throws {
        var excluded = Xray_Common_Geodata_DomainRule()
        excluded.geosite.file = "absent.dat"
        excluded.geosite.code = "CN"
        await #expect(throws: (any Error).self) {
            _ = try await Self.stage(Self.sniffing { $0.domainsExcluded = [excluded] }, port: 1)
        }
    }
}
