// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyCore
import TestSupport
import Testing
import XrayProtos

/// Datagrams that go through a second core by each protocol: client → tunnel → proxying outbound → inbound → freedom → echo.
@Suite(.serialized) struct ProxiedDatagramTests {
    @Test(arguments: ProxyHop.forDatagrams)
    func datagramsOfAnySizeComeBackWhole(_ hop: ProxyHop) async throws {
        let echo = try UDPSocket()
        echo.echoInBackground()
        let server = try await CoreStage { _ in try hop.inbound() }
        let client = try await CoreStage(outbound: hop.outbound(port: server.port)) { _ in
            CoreStage.tunnel(to: echo.port, [.udp])
        }
        let socket = try UDPSocket()
        var carried = 0
        for size in [1, 2, 500, 1_400, 7_000, hop.longest] {
            let datagram = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ size) }
            let answer = try await offPool {
                try socket.send(datagram, to: client.port)
                return try socket.receive()
            }
            #expect(answer.bytes == datagram && answer.port == client.port)
            carried += size
        }
        #expect(client.core.counterValue(named: "outbound>>>out>>>traffic>>>uplink") == Int64(carried))
        #expect(client.core.counterValue(named: "outbound>>>out>>>traffic>>>downlink") == Int64(carried))
        if hop.countsUser {
            #expect(server.core.counterValue(named: "user>>>a@b>>>traffic>>>uplink") == Int64(carried))
        }
        await client.stop()
        await server.stop()
    }

    @Test(arguments: ProxyHop.forDatagrams)
    func oneSourceReachesSeveralTargets(_ hop: ProxyHop) async throws {
        let echoes = try (0..<3).map { _ in try UDPSocket() }
        for echo in echoes { echo.echoInBackground() }
        let server = try await CoreStage { _ in try hop.inbound() }
        var socks = Xray_Proxy_Socks_ServerConfig()
        socks.udpEnabled = true
        let client = try await CoreStage(outbound: hop.outbound(port: server.port)) { [socks] _ in socks }
        let control = try TCPClient(port: client.port)
        let relay = try await offPool { try control.associate() }
        let socket = try UDPSocket()
        for (index, echo) in echoes.enumerated() {
            let head: [UInt8] = [0, 0, 0, 1, 127, 0, 0, 1, UInt8(echo.port >> 8), UInt8(echo.port & 255)]
            let answer = try await offPool {
                try socket.send(head + [UInt8(index)], to: relay)
                return try socket.receive()
            }
            #expect(answer.bytes == head + [UInt8(index)], "the answer names its source")
        }
        #expect(await client.core.flowCount() == 1)
        await client.stop()
        await server.stop()
    }

    @Test(arguments: ProxyHop.forDatagrams)
    func farEndsSeeOneAddressAndAnyOfThemMayAnswer(_ hop: ProxyHop) async throws {
        let (first, second, stranger) = (try UDPSocket(), try UDPSocket(), try UDPSocket())
        let server = try await CoreStage { _ in try hop.inbound() }
        let client = try await CoreStage(outbound: hop.outbound(port: server.port)) { _ in ProxyHop.socksWithUDP }
        let control = try TCPClient(port: client.port)
        func head(_ peer: UDPSocket) -> [UInt8] {
            [0, 0, 0, 1, 127, 0, 0, 1, UInt8(peer.port >> 8), UInt8(peer.port & 255)]
        }
        let (ports, answers) = try await offPool {
            let relay = try control.associate()
            let socket = try UDPSocket()
            let ports = try [first, second].map { far in
                try socket.send(head(far) + [1], to: relay)
                return try far.receive().port
            }
            let answers = try [second, stranger, first].map { far in
                try far.send([2], to: ports[0])
                return try socket.receive().bytes
            }
            return (ports, answers)
        }
        #expect(ports[0] == ports[1])
        #expect(answers == [second, stranger, first].map { head($0) + [2] })
        await client.stop()
        await server.stop()
    }

    @Test(arguments: [ProxyHop.vless, .vmess, .trojan, .shadowsocks, .socks])
    func aServerThatIsNotThereEndsTheFlow(_ hop: ProxyHop) async throws {
        let nobody = try TCPClient.freePort()
        let client = try await CoreStage(outbound: hop.outbound(port: nobody)) { _ in
            CoreStage.tunnel(to: 9, [.udp])
        }
        let socket = try UDPSocket()
        try await offPool { try socket.send([1], to: client.port) }
        // Datagrams to a closed port are just lost; a connection that cannot be made ends the flow.
        if hop != .shadowsocks {
            try await eventually { await client.core.flowCount() == 0 }
        }
        await client.stop()
    }

    @Test func streamsAndDatagramsGoThroughARelay() async throws {
        let echo = try UDPSocket()
        echo.echoInBackground()
        let server = try await CoreStage { _ in try ProxyHop.shadowsocks2022Users.inbound() }
        let relay = try await CoreStage { _ in ProxyHop.relay(to: server.port) }
        let datagrams = try await CoreStage(outbound: ProxyHop.throughRelay(port: relay.port)) { _ in
            CoreStage.tunnel(to: echo.port, [.udp])
        }
        let streams = try await CoreStage(outbound: ProxyHop.throughRelay(port: relay.port)) { _ in
            CoreStage.tunnel(to: server.server.port)
        }
        try await offPool {
            let socket = try UDPSocket()
            for size in [1, 1_200, 8_000] {
                let datagram = [UInt8](repeating: 5, count: size)
                try socket.send(datagram, to: datagrams.port)
                #expect(try socket.receive().bytes == datagram)
            }
            let client = try TCPClient(port: streams.port)
            try client.send(CoreStage.request(up: 100_000, down: 200_000))
            _ = try client.receive(exactly: 200_000)
        }
        #expect(server.core.counterValue(named: "user>>>a@b>>>traffic>>>uplink") == 109_201)
        #expect(relay.core.counterValue(named: "user>>>next@b>>>traffic>>>downlink") ?? 0 > 209_201)
        for stage in [streams, datagrams, relay, server] { await stage.stop() }
    }

    @Test func httpRefusesDatagrams() async throws {
        var http = Xray_Proxy_Http_ClientConfig()
        http.server = try ProxyHop.endpoint(9)
        let client = try await CoreStage(outbound: http) { _ in CoreStage.tunnel(to: 9, [.udp]) }
        let socket = try UDPSocket()
        try await offPool { try socket.send([1], to: client.port) }
        #expect(await client.core.flowCount() == 0)
        await client.stop()
    }
}
