// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import ProxyModel
import TestSupport
import Testing
import XrayProtos

@testable import ProxyCore

/// The transport between two cores, on real sockets.
@Suite(.serialized) struct GRPCTransportTests {
    private typealias Config = Xray_Transport_Internet_Grpc_Encoding_Config

    private static func stream(_ name: String = "gun", _ change: (inout Config) -> Void = { _ in }) throws
        -> StreamSettings.Config
    {
        var config = Config()
        config.serviceName = name
        change(&config)
        return try StreamSettings.transport("grpc", config)
    }

    private static func withTLS(
        _ stream: StreamSettings.Config, _ change: (inout StreamSettings.TLS) throws -> Void
    ) throws -> StreamSettings.Config {
        var stream = stream
        let tls = try StreamSettings.tls(change)
        stream.securityType = tls.securityType
        stream.securitySettings = tls.securitySettings
        return stream
    }

    private static var serverWithTLS: StreamSettings.Config {
        get throws { try withTLS(stream()) { $0.certificate = [try StreamSettings.certificate("server")] } }
    }

    private static var clientWithTLS: StreamSettings.Config {
        get throws {
            try withTLS(stream()) {
                $0.serverName = "proxy.example"
                $0.disableSystemRoot = true
                $0.certificate = [try StreamSettings.certificate("authority", usage: .authorityVerify)]
            }
        }
    }

    /// Connections of a core to its servers, over all event loops.
    private static func connections(_ stage: CoreStage) async -> Int {
        await stage.core.loops.gather { $0.tunnelPools.values.reduce(0) { $0 + $1.clients.count } }.reduce(0, +)
    }

    @Test(arguments: [
        ("gun", false, "gun"), ("gun", true, "gun"), ("", false, ""), ("a b/c!", true, "a b/c!"),
        ("/x/y/one|many", false, "/x/y/one"), ("/x/y/one|many", true, "/x/y/many"),
        ("/x/y/one|many", true, "/x/y/one|many"), ("/x/both", true, "/x/both"),
    ])
    func serverServesBothMethodsByTheirNames(_ server: String, _ isMulti: Bool, _ client: String) async throws {
        let stage = try await HopStage(
            server: Self.stream(server), client: Self.stream(client) { $0.multiMode = isMulti })
        #expect(try await stage.works())
        await stage.stop()
    }

    @Test func anotherNameIsRefusedAndCounted() async throws {
        let stage = try await HopStage(server: Self.stream("gun"), client: Self.stream("bow"))
        #expect(try await !stage.works())
        try await eventually {
            stage.server.core.rejectedHandshakes.map(\.reason) == ["not a request of the gRPC transport"]
        }
        try await eventually { await stage.client.core.flowCount() == 0 }
        await stage.stop()
    }

    @Test func TLSCarriesIt() async throws {
        let stage = try await HopStage(server: Self.serverWithTLS, client: Self.clientWithTLS)
        #expect(try await stage.works())
        await stage.stop()
    }

    @Test(arguments: [false, true])
    func oneConnectionOfEachEventLoopCarriesManySessions(_ hasTLS: Bool) async throws {
        let stage = try await HopStage(
            server: hasTLS ? Self.serverWithTLS : Self.stream(), client: hasTLS ? Self.clientWithTLS : Self.stream())
        let port = stage.client.port
        try await offPool {
            let clients = try (0..<60).map { _ in try TCPClient(port: port, timeout: 30) }
            for round in 1...3 {
                for client in clients { try client.send(CoreStage.request(up: 100 * round, down: 20_000 * round)) }
                for client in clients { _ = try client.receive(exactly: 20_000 * round) }
            }
        }
        let connections = await Self.connections(stage.client)
        #expect((1...stage.client.core.loops.contexts.count).contains(connections))
        try await eventually { await stage.server.core.flowCount() == 0 }
        #expect(await Self.connections(stage.client) == connections, "they wait for the next session")
        #expect(try await stage.works())
        #expect(await Self.connections(stage.client) == connections)
        await stage.stop()
    }

    @Test(arguments: [false, true])
    func bytesArriveWholeAndInOrderBothWays(_ hasTLS: Bool) async throws {
        let echo = try EchoServer()
        let server = try await CoreStage {
            try $0.setInboundStream(hasTLS ? Self.serverWithTLS : Self.stream())
        } settings: { _ in
            try ProxyHop.vmess.inbound()
        }
        let client = try await CoreStage(outbound: ProxyHop.vmess.outbound(port: server.port)) {
            let stream = hasTLS ? try Self.clientWithTLS : try Self.stream()
            try $0.setSender { $0.streamSettings = stream }
        } settings: { _ in
            CoreStage.tunnel(to: echo.port)
        }
        let port = client.port
        try await offPool {
            try BytePattern().exchange(with: try TCPClient(port: port, timeout: 120), bytes: 100 << 20)
        }
        echo.stop()
        await client.stop()
        await server.stop()
    }

    @Test func endOfTheClientsStreamReachesTheServerBehindAndItsAnswerComesBack() async throws {
        let behind = try HalfCloseServer()
        let stage = try await HopStage(server: Self.stream(), client: Self.stream())
        let tunnel = try await CoreStage(outbound: ProxyHop.vless.outbound(port: stage.server.port)) {
            let stream = try Self.stream()
            try $0.setSender { $0.streamSettings = stream }
        } settings: { _ in
            CoreStage.tunnel(to: behind.port)
        }
        let port = tunnel.port
        let sent = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let received = try await offPool {
            let client = try TCPClient(port: port, timeout: 20)
            try client.send(sent)
            client.endOutput()
            var all: [UInt8] = []
            while case let part = try client.receive(), !part.isEmpty { all += part }
            return all
        }
        let isSame = received == sent
        #expect(isSame)
        behind.stop()
        await tunnel.stop()
        await stage.stop()
    }

    @Test func endOfTheServersStreamComesAtOnceAndTheClientMayStillSend() async throws {
        var policy = Xray_App_Policy_Policy()
        policy.timeout.uplinkOnly.value = 60
        policy.timeout.downlinkOnly.value = 60
        let source = try PlayedServer { connection in
            try connection.send(Array("hello".utf8))
            connection.endOutput()
            _ = try connection.receive(exactly: 200_000)
        }
        let server = try await CoreStage(policy: policy) {
            try $0.setInboundStream(Self.stream())
        } settings: { _ in
            try ProxyHop.vless.inbound()
        }
        let client = try await CoreStage(policy: policy, outbound: ProxyHop.vless.outbound(port: server.port)) {
            let stream = try Self.stream()
            try $0.setSender { $0.streamSettings = stream }
        } settings: { _ in
            CoreStage.tunnel(to: source.port)
        }
        let port = client.port
        try await offPool {
            let socket = try TCPClient(port: port, timeout: 20)
            try socket.send([1])
            #expect(try socket.receive(exactly: 5) == Array("hello".utf8))
            #expect(try socket.receive().isEmpty)
            try socket.send([UInt8](repeating: 2, count: 199_999))
            #expect(try source.outcome())
        }
        await client.stop()
        await server.stop()
    }

    @Test func readerThatStopsHoldsBackItsOwnStreamAlone() async throws {
        let silent = try SilentServer()
        let stage = try await HopStage(server: Self.stream(), client: Self.stream())
        let stalled = try await CoreStage(outbound: ProxyHop.vless.outbound(port: stage.server.port)) {
            let stream = try Self.stream()
            try $0.setSender { $0.streamSettings = stream }
            $0.inbounds.append(
                try CoreStage.inbound(
                    "free", port: TCPClient.freePort(), CoreStage.tunnel(to: stage.server.server.port)))
        } settings: { _ in
            CoreStage.tunnel(to: silent.port)
        }
        let free = try #require(stalled.core.inbounds.find("free")?.localAddresses.first?.port)
        let port = stalled.port
        let sent = try await offPool {
            let client = try TCPClient(port: port, timeout: 2)
            let chunk = [UInt8](repeating: 7, count: 65_536)
            var sent = 0
            // The socket's time-out tells that nothing is taken any more.
            while sent < 256 << 20, (try? client.send(chunk)) != nil { sent += chunk.count }
            // The loop of the stalled stream has others, which go on.
            for _ in 0..<8 {
                let other = try TCPClient(port: UInt16(free), timeout: 20)
                try other.send(CoreStage.request(up: 1000, down: 3_000_000))
                _ = try other.receive(exactly: 3_000_000)
            }
            return sent
        }
        #expect(sent < 64 << 20, "windows and sockets hold a few megabytes")
        silent.stop()
        await stalled.stop()
        await stage.stop()
    }

    @Test func inboundThatWasRemovedTakesNoMoreStreams() async throws {
        let stage = try await HopStage(server: Self.stream(), client: Self.stream())
        let port = stage.client.port
        let running = try TCPClient(port: port, timeout: 20)
        try await offPool {
            try running.send(CoreStage.request(up: 8, down: 10))
            _ = try running.receive(exactly: 10)
        }
        var request = Xray_App_Proxyman_Command_RemoveInboundRequest()
        request.tag = "in"
        _ = try await stage.server.core.removeInbound(request, by: .console)
        #expect(try await !stage.works())
        try await offPool {
            try running.send(CoreStage.request(up: 8, down: 10))
            _ = try running.receive(exactly: 10)
        }
        await stage.stop()
    }

    @Test func connectionThatBreaksEndsItsStreamsAndAnotherOneIsMade() async throws {
        let stage = try await HopStage(server: Self.stream(), client: Self.stream())
        #expect(try await stage.works())
        let port = stage.client.port
        let cut = try TCPClient(port: port, timeout: 20)
        try await offPool {
            try cut.send(CoreStage.request(up: 8, down: 10))
            _ = try cut.receive(exactly: 10)
        }
        _ = await stage.server.core.loops.gather { $0.closeAll() }
        #expect(try await offPool { try cut.receive() }.isEmpty)
        #expect(try await stage.works())
        await stage.stop()
    }

    @Test(arguments: [true, false])
    func itCarriesAndIsCarriedByOtherOutbounds(_ isCarrier: Bool) async throws {
        let (grpc, raw) = (try Self.clientWithTLS, StreamSettings.Config())
        let last = try await CoreStage {
            try $0.setInboundStream(isCarrier ? raw : Self.serverWithTLS)
        } settings: { _ in
            try ProxyHop.vless.inbound()
        }
        let middle = try await CoreStage {
            try $0.setInboundStream(isCarrier ? Self.serverWithTLS : raw)
        } settings: { _ in
            try ProxyHop.trojan.inbound()
        }
        let first = try await CoreStage(outbound: ProxyHop.vless.outbound(port: last.port)) {
            try $0.setSender {
                $0.streamSettings = isCarrier ? raw : grpc
                $0.streamSettings.socketSettings.dialerProxy = "carrier"
            }
            var sender = Xray_App_Proxyman_SenderConfig()
            sender.streamSettings = isCarrier ? grpc : raw
            var carrier = try CoreStage.outbound("carrier", ProxyHop.trojan.outbound(port: middle.port))
            carrier.senderSettings = try TypedMessages.pack(sender)
            $0.outbounds.append(carrier)
        } settings: { _ in
            CoreStage.tunnel(to: last.server.port)
        }
        let port = first.port
        try await offPool {
            for _ in 0..<3 {
                let client = try TCPClient(port: port, timeout: 30)
                try client.send(CoreStage.request(up: 10_000, down: 200_000))
                _ = try client.receive(exactly: 200_000)
            }
        }
        #expect(middle.core.counterValue(named: "outbound>>>out>>>traffic>>>downlink") ?? 0 > 600_000)
        for stage in [first, middle, last] { await stage.stop() }
    }

    @Test func serverThatSpeaksNoHTTP2EndsTheSession() async throws {
        let stage = try await HopStage(server: StreamSettings.webSocket(path: "/"), client: Self.stream())
        #expect(try await !stage.works())
        try await eventually { await stage.client.core.flowCount() == 0 }
        await stage.stop()
    }
}
