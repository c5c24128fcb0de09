// SPDX-License-Identifier: Apache-2.0
import Foundation
import NIOCore
import NIOPosix
import ProxyCore
import TestSupport
import Testing
import XrayProtos

/// An outbound's request, and the first payload behind it.
@Suite(.serialized) struct FirstPayloadTests {
    /// Lengths of the TLS records of application data in a client's bytes; its Finished is the first.
    private static func applicationRecords(_ bytes: [UInt8]) -> [Int] {
        var lengths: [Int] = []
        var rest = bytes[...]
        while rest.count >= 5 {
            let start = rest.startIndex
            let length = Int(rest[start + 3]) << 8 | Int(rest[start + 4])
            if rest[start] == 0x17 { lengths.append(length) }
            rest = rest.dropFirst(5 + length)
        }
        return lengths
    }

    private static func serverWithTLS(_ hop: ProxyHop) async throws -> CoreStage {
        try await CoreStage {
            try $0.setInboundStream(StreamSettings.tls { $0.certificate = [try StreamSettings.certificate("server")] })
        } settings: { _ in
            try hop.inbound()
        }
    }

    private static func clientTLS() throws -> StreamSettings.Config {
        try StreamSettings.tls {
            $0.serverName = "proxy.example"
            $0.disableSystemRoot = true
            $0.certificate = [try StreamSettings.certificate("authority", usage: .authorityVerify)]
        }
    }

    /// The records that a proxy writes for a client whose 4,000 bytes are there before its server is.
    private static func records(
        of client: CoreStage, _ recorder: Recorder, _ gate: DispatchSemaphore
    ) async throws -> [Int] {
        try await offPool {
            let socket = try TCPClient(port: client.port, timeout: 30)
            try socket.send(CoreStage.request(up: 4_000, down: 10))
            gate.signal()
            _ = try socket.receive(exactly: 10)
        }
        return applicationRecords(recorder.uplink)
    }

    @Test(arguments: [ProxyHop.vless, .vmess, .trojan, .shadowsocks, .shadowsocks2022])
    func requestAndPayloadThatIsThereAreOneRecord(_ hop: ProxyHop) async throws {
        let server = try await Self.serverWithTLS(hop)
        let gate = DispatchSemaphore(value: 0)
        let recorder = try Recorder(to: server.port, after: gate)
        let client = try await CoreStage(outbound: hop.outbound(port: recorder.port)) {
            let stream = try Self.clientTLS()
            try $0.setSender { $0.streamSettings = stream }
        } settings: { _ in
            CoreStage.tunnel(to: server.server.port)
        }
        let records = try await Self.records(of: client, recorder, gate)
        #expect(records.count >= 2 && records[1] > 4_000, "\(records)")
        recorder.stop()
        await client.stop()
        await server.stop()
    }

    @Test(arguments: [ProxyHop.vless, .vmess, .trojan, .shadowsocks, .shadowsocks2022])
    func requestOfACarrierTakesWhatItCarriesAlong(_ carrier: ProxyHop) async throws {
        let last = try await CoreStage { _ in try ProxyHop.vless.inbound() }
        let middle = try await Self.serverWithTLS(carrier)
        let gate = DispatchSemaphore(value: 0)
        let recorder = try Recorder(to: middle.port, after: gate)
        let client = try await CoreStage(outbound: ProxyHop.vless.outbound(port: last.port)) {
            try $0.setSender { $0.proxySettings.tag = "carrier" }
            var sender = Xray_App_Proxyman_SenderConfig()
            sender.streamSettings = try Self.clientTLS()
            var config = try CoreStage.outbound("carrier", carrier.outbound(port: recorder.port))
            config.senderSettings = try TypedMessages.pack(sender)
            $0.outbounds.append(config)
        } settings: { _ in
            CoreStage.tunnel(to: last.server.port)
        }
        let records = try await Self.records(of: client, recorder, gate)
        #expect(records.count >= 2 && records[1] > 4_000, "\(records)")
        recorder.stop()
        for stage in [client, middle, last] { await stage.stop() }
    }

    @Test(arguments: [ProxyHop.vless, .vmess, .trojan, .shadowsocks])
    func requestOfAMuxConnectionTakesItsFirstFrameAlong(_ hop: ProxyHop) async throws {
        let server = try await Self.serverWithTLS(hop)
        let gate = DispatchSemaphore(value: 0)
        let recorder = try Recorder(to: server.port, after: gate)
        let client = try await CoreStage(outbound: hop.outbound(port: recorder.port)) {
            let stream = try Self.clientTLS()
            try $0.setSender {
                $0.streamSettings = stream
                $0.multiplexSettings.enabled = true
            }
        } settings: { _ in
            CoreStage.tunnel(to: server.server.port)
        }
        let records = try await Self.records(of: client, recorder, gate)
        // Behind the record with the request and the frame that opens the stream comes payload; without a body format the head
        // of its frame is a piece of its own.
        let payload = records.dropFirst(hop == .trojan ? 3 : 2).first ?? 0
        #expect(payload > 1_000, "\(records)")
        recorder.stop()
        await client.stop()
        await server.stop()
    }

    /// The connection of streams is there when the second client comes, so that its stream opens while the client's first bytes
    /// are still being read.
    @Test func payloadBehindARequestIsSentOnAStreamThatIsOpenAtOnce() async throws {
        var config = Xray_Transport_Internet_Grpc_Encoding_Config()
        config.serviceName = "gun"
        let stream = try StreamSettings.transport("grpc", config)
        let far = try await CoreStage {
            try $0.setInboundStream(stream)
        } settings: {
            CoreStage.tunnel(to: $0)
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let near = try await CoreStage(group: group) {
            try $0.setSender { $0.streamSettings = stream }
        } settings: { _ in
            try ProxyHop.vless.inbound()
        }
        try await offPool {
            let id = withUnsafeBytes(of: CoreStage.alice.uuid) { Array($0) }
            let head = [0] + id + [0, 1, UInt8(far.port >> 8), UInt8(far.port & 255), 1, 127, 0, 0, 1]
            let sockets = try (0..<2).map { _ in try TCPClient(port: near.port) }
            for socket in sockets {
                try socket.send(head + CoreStage.request(up: 100, down: 10))
                _ = try socket.receive(exactly: 12)
            }
        }
        await near.stop()
        await far.stop()
        try await group.shutdownGracefully()
    }

    @Test(arguments: ProxyHop.allCases)
    func serverThatSpeaksFirstIsHeardWithoutAByteFromTheClient(_ hop: ProxyHop) async throws {
        let greeter = try PlayedServer { connection in
            try connection.send(Array("220 hello".utf8))
            _ = try connection.receive()
        }
        let server = try await CoreStage { _ in try hop.inbound() }
        let client = try await CoreStage(outbound: hop.outbound(port: server.port)) { _ in
            CoreStage.tunnel(to: greeter.port)
        }
        let greeting = try await offPool {
            let socket = try TCPClient(port: client.port)
            return try socket.receive(exactly: 9)
        }
        #expect(greeting == Array("220 hello".utf8))
        greeter.stop()
        await client.stop()
        await server.stop()
    }

    @Test func clientThatSendsALotBeforeTheServerAnswersIsHeldBack() async throws {
        let server = try await CoreStage { _ in try ProxyHop.vless.inbound() }
        // Its backlog takes connections that nobody serves: the greeting of SOCKS gets no answer.
        let silent = try SilentServer()
        let client = try await CoreStage(outbound: ProxyHop.socks.outbound(port: silent.port)) { _ in
            CoreStage.tunnel(to: server.server.port)
        }
        let sent = try await offPool {
            let socket = try TCPClient(port: client.port, timeout: 1)
            var sent = 0
            do {
                while sent < 64 << 20 {
                    try socket.send([UInt8](repeating: 1, count: 65_536))
                    sent += 65_536
                }
            } catch {}
            return sent
        }
        #expect(sent < 64 << 20)
        silent.stop()
        await client.stop()
        await server.stop()
    }
}
