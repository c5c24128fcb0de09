// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyCore
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing
import XrayProtos

/// Vision from one core to another over TLS, with payload that looks like TLS 1.3.
@Suite(.serialized) struct VisionScenarioTests {
    private static func account(_ flow: String) -> Xray_Proxy_Vless_Account {
        var account = Xray_Proxy_Vless_Account()
        account.id = CoreStage.alice.uuidString
        account.flow = flow
        return account
    }

    private static func stream(isServer: Bool, maxVersion: String = "") throws -> Xray_Transport_Internet_StreamConfig {
        let certificates = try TestCertificates.shared()
        var certificate = Xray_Transport_Internet_Tls_Certificate()
        certificate.usage = isServer ? .encipherment : .authorityVerify
        certificate.certificate = try Data(
            contentsOf: URL(fileURLWithPath: certificates.path(isServer ? "server.pem" : "authority.pem")))
        if isServer { certificate.key = try Data(contentsOf: URL(fileURLWithPath: certificates.path("server.key"))) }
        var tls = Xray_Transport_Internet_Tls_Config()
        tls.certificate = [certificate]
        tls.serverName = isServer ? "" : "proxy.example"
        tls.maxVersion = maxVersion
        var stream = Xray_Transport_Internet_StreamConfig()
        let settings = try TypedMessages.pack(tls)
        stream.securityType = settings.type
        stream.securitySettings = [settings]
        return stream
    }

    private static func server(
        flow: String = "xtls-rprx-vision", maxVersion: String = "", log: LogLines? = nil
    ) async throws -> CoreStage {
        try await CoreStage(
            log: log?.log,
            configure: { configuration in
                var receiver = try #require(
                    try configuration.inbounds[0].receiverSettings.typed(as: Xray_App_Proxyman_ReceiverConfig.self))
                receiver.streamSettings = try stream(isServer: true, maxVersion: maxVersion)
                configuration.inbounds[0].receiverSettings = try TypedMessages.pack(receiver)
            },
            settings: { _ in
                var config = Xray_Proxy_Vless_Inbound_Config()
                config.decryption = "none"
                config.users = [.init()]
                config.users[0].email = "a@b"
                config.users[0].account = try TypedMessages.pack(account(flow))
                return config
            })
    }

    private static func client(
        to port: UInt16, flow: String = "xtls-rprx-vision", carries: Bool = false, log: LogLines? = nil,
        _ inbound: any SwiftProtobuf.Message
    ) async throws -> CoreStage {
        var config = Xray_Proxy_Vless_Outbound_Config()
        config.vnext = try ProxyHop.endpoint(port, account(flow))
        return try await CoreStage(
            outbound: config, log: log?.log,
            configure: { configuration in
                var sender = Xray_App_Proxyman_SenderConfig()
                sender.streamSettings = try stream(isServer: false)
                configuration.outbounds[0].senderSettings = try TypedMessages.pack(sender)
                guard carries else { return }
                var carried = Xray_App_Proxyman_SenderConfig()
                carried.streamSettings.socketSettings.dialerProxy = "out"
                var outbound = try CoreStage.outbound("carried", CoreStage.openFreedom)
                outbound.senderSettings = try TypedMessages.pack(carried)
                configuration.outbounds.insert(outbound, at: 0)
            },
            settings: { _ in inbound })
    }

    private static func record(_ byte: UInt8, _ count: Int) -> [UInt8] {
        [0x17, 3, 3, UInt8(count >> 8), UInt8(count & 255)] + [UInt8](repeating: byte, count: count)
    }

    private static let clientHello: [UInt8] = [0x16, 3, 1, 2, 0, 1] + [UInt8](repeating: 7, count: 511)
    private static let serverHello: [UInt8] =
        [0x16, 3, 3, 0, 122, 2, 0, 0, 118, 3, 3] + [UInt8](repeating: 1, count: 32) + [32]
        + [UInt8](repeating: 2, count: 32) + [0x13, 1, 0, 0, 46, 0, 0x2b, 0, 2, 3, 4] + [UInt8](repeating: 3, count: 40)

    /// Sends what the script says and reads what the other side's says.
    private static func play(_ socket: TCPClient, isClient: Bool) throws {
        let finished: [UInt8] = [0x14, 3, 3, 0, 1, 1] + record(5, 60)
        var script: [(isUp: Bool, bytes: [UInt8])] = [
            (true, clientHello), (false, serverHello + record(4, 700)), (true, finished), (true, record(6, 300)),
            (false, record(8, 1_000)), (true, record(0xa5, 4_000)), (false, record(0xb6, 4_000)),
        ]
        for _ in 0..<100 {
            script.append((true, record(0xc7, 16_000)))
            script.append((false, record(0xd8, 16_000)))
        }
        for (isUp, bytes) in script {
            if isUp == isClient {
                try socket.send(bytes)
            } else {
                #expect(try socket.receive(exactly: bytes.count) == bytes)
            }
        }
    }

    /// - Parameter carries: The outbound carries another one's connection.
    @Test(arguments: [false, true]) func recordsOfTheTLSInsideTravelAsTheyAre(carries: Bool) async throws {
        let target = try PlayedServer { try Self.play($0, isClient: false) }
        let server = try await Self.server()
        let tap = try TapServer(to: server.port)
        let client = try await Self.client(to: tap.port, carries: carries, CoreStage.tunnel(to: target.port))
        try await offPool {
            let socket = try TCPClient(port: client.port, timeout: 30)
            try Self.play(socket, isClient: true)
            socket.endOutput()
            #expect(try socket.receive().isEmpty)
        }
        #expect(try await offPool { try target.outcome() }, "the target saw all of it")
        #expect(tap.up.contains(Self.record(0xc7, 16_000)), "past the outer TLS")
        #expect(tap.down.contains(Self.record(0xd8, 16_000)), "past the outer TLS")
        #expect(!tap.up.contains([UInt8](repeating: 6, count: 300)), "inside of the outer TLS")
        #expect(server.core.counterValue(named: "user>>>a@b>>>traffic>>>uplink") ?? 0 > 1_600_000)
        target.stop()
        tap.stop()
        await client.stop()
        await server.stop()
    }

    @Test func payloadThatIsNoTLSArrivesWhole() async throws {
        let server = try await Self.server()
        let client = try await Self.client(to: server.port, CoreStage.tunnel(to: server.server.port))
        try await offPool {
            let socket = try TCPClient(port: client.port, timeout: 30)
            for round in 1...20 {
                try socket.send(CoreStage.request(up: 5_000 * round, down: 70_000 * round))
                _ = try socket.receive(exactly: 70_000 * round)
            }
        }
        await client.stop()
        await server.stop()
    }

    @Test func serverThatSpeaksFirstIsHeardAndTheRequestsLengthIsHidden() async throws {
        let greeter = try PlayedServer { connection in
            try connection.send(Array("220 hello".utf8))
            guard try connection.receive(exactly: 4) == Array("QUIT".utf8) else { throw Failure("another word") }
            try connection.send(Array("221".utf8))
        }
        let server = try await Self.server()
        let recorder = try Recorder(to: server.port)
        let client = try await Self.client(to: recorder.port, CoreStage.tunnel(to: greeter.port))
        try await offPool {
            let socket = try TCPClient(port: client.port, timeout: 30)
            #expect(try socket.receive(exactly: 9) == Array("220 hello".utf8))
            // The request alone would be a record of some 60 bytes, behind the handshake of some 500.
            #expect(recorder.uplink.count > 1_300, "\(recorder.uplink.count)")
            try socket.send(Array("QUIT".utf8))
            #expect(try socket.receive(exactly: 3) == Array("221".utf8))
        }
        #expect(try await offPool { try greeter.outcome() })
        greeter.stop()
        recorder.stop()
        await client.stop()
        await server.stop()
    }

    @Test func datagramsGoByXUDP() async throws {
        let echo = try UDPSocket()
        echo.echoInBackground()
        let server = try await Self.server()
        let client = try await Self.client(to: server.port, CoreStage.tunnel(to: echo.port, [.udp]))
        let answer = try await offPool {
            let socket = try UDPSocket()
            try socket.send([1, 2, 3], to: client.port)
            return try socket.receive().bytes
        }
        #expect(answer == [1, 2, 3])
        await client.stop()
        await server.stop()
    }

    @Test(arguments: [
        ("", "xtls-rprx-vision", "", "flow not allowed"), ("xtls-rprx-vision", "", "", "flow required"),
    ])
    func flowsThatDoNotAgreeAreRefused(atServer: String, atClient: String, version: String, reason: String) async throws
    {
        let log = try LogLines()
        let server = try await Self.server(flow: atServer, log: log)
        let client = try await Self.client(to: server.port, flow: atClient, CoreStage.tunnel(to: server.server.port))
        let rest = try await offPool {
            let socket = try TCPClient(port: client.port)
            try socket.send(CoreStage.request(up: 8, down: 1))
            return try socket.receive()
        }
        #expect(rest.isEmpty)
        #expect(log.text.contains(reason))
        await client.stop()
        await server.stop()
    }

    @Test func olderTLSIsRefusedByTheClient() async throws {
        let log = try LogLines()
        let server = try await Self.server(maxVersion: "1.2")
        let client = try await Self.client(to: server.port, log: log, CoreStage.tunnel(to: server.server.port))
        #expect(try await offPool { try TCPClient(port: client.port).receive() }.isEmpty)
        #expect(log.text.contains("the flow needs TLS 1.3, directly on TCP"))
        await client.stop()
        await server.stop()
    }
}
