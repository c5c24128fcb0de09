// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import ProxyCore
import ProxyModel
import TestSupport
import Testing
import XrayProtos

/// `proxyProtocol` of freedom, up to the server behind.
struct ProxyHeaderSendingTests {
    private static func freedom(_ version: UInt32) -> Xray_Proxy_Freedom_Config {
        var freedom = CoreStage.openFreedom
        freedom.proxyProtocol = version
        return freedom
    }

    /// What a server gets of a client that sends `hello`, with the client's own port.
    private static func received(
        _ version: UInt32, byName: Bool
    ) async throws -> (text: String, server: UInt16, sources: [Endpoint]) {
        let web = try HalfCloseServer()
        let target = web.port
        let stage = try await CoreStage(outbound: freedom(version), resolver: Resolver { _ in [.loopbackV4] }) { _ in
            var tunnel = CoreStage.tunnel(to: target)
            if byName { tunnel.rewriteAddress.domain = "server.example" }
            return tunnel
        }
        let client = try TCPClient(port: stage.port)
        try await eventually { await !stage.core.flows(FlowSelector()).isEmpty }
        let sources = await stage.core.flows(FlowSelector()).map(\.summary.source)
        let text = try await offPool {
            try client.send(Array("hello".utf8))
            client.endOutput()
            var all: [UInt8] = []
            while case let part = try client.receive(), !part.isEmpty { all += part }
            return String(decoding: all, as: UTF8.self)
        }
        web.stop()
        await stage.stop()
        return (text, target, sources)
    }

    @Test(arguments: [false, true]) func serverIsToldTheClientsAddressAndTheOneThatWasDialled(byName: Bool) async throws
    {
        let (text, server, sources) = try await Self.received(1, byName: byName)
        let source = try #require(sources.first)
        #expect(text == "PROXY TCP4 127.0.0.1 127.0.0.1 \(source.port) \(server)\r\nhello")
    }

    @Test func versionTwoIsBinary() async throws {
        let (text, _, _) = try await Self.received(2, byName: false)
        #expect(text.hasPrefix("\r\n\r\n\0\r\nQUIT\n!"))
        #expect(text.hasSuffix("hello"))
    }

    @Test func headerStandsInFrontOfWhatTheOutboundCarries() async throws {
        let server = try PlayedServer { connection in
            let header = "PROXY TCP4 127.0.0.1 127.0.0.1 "
            let start = try connection.receive(exactly: header.utf8.count)
            guard start == Array(header.utf8) else { throw Failure("\(start)") }
            while try connection.receive(exactly: 1) != [0x0a] {}
            // The greeting of the SOCKS outbound that is carried.
            guard try connection.receive(exactly: 3) == [5, 1, 0] else { throw Failure("no greeting") }
        }
        let stage = try await CoreStage {
            var carried = try CoreStage.outbound("carried", ProxyHop.socks.outbound(port: server.port))
            var sender = Xray_App_Proxyman_SenderConfig()
            sender.streamSettings.socketSettings.dialerProxy = "carrier"
            carried.senderSettings = try TypedMessages.pack(sender)
            $0.outbounds = [carried, try CoreStage.outbound("carrier", Self.freedom(1))]
        } settings: {
            CoreStage.tunnel(to: $0)
        }
        let port = stage.port
        try await offPool {
            let client = try TCPClient(port: port)
            try client.send([1])
            #expect(try server.outcome())
        }
        server.stop()
        await stage.stop()
    }
}
