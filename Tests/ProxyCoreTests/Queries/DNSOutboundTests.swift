// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import ProxyCore
import ProxyModel
import TestSupport
import Testing
import XrayProtos

/// DNS queries through a core whose only outbound is `dns`.
@Suite(.serialized) struct DNSOutboundTests {
    private enum Names {
        @Sendable static func lookUp(_ name: String) throws -> [IPAddress] {
            switch name {
            case "two.example": return [IPAddress("192.0.2.1"), IPAddress("2001:db8::1")].compactMap { $0 }
            case "broken.example": throw Failure("no name server answers")
            default: return []
            }
        }
    }

    private static let two = question("two.example", type: 1)
    private static let twoAnswer = answer(to: two, records: [[192, 0, 2, 1]])

    private static func question(_ name: String, type: UInt8, id: UInt16 = 0x1234) -> [UInt8] {
        let labels = name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        return [UInt8(id >> 8), UInt8(id & 255), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + labels + [0, 0, type, 0, 1]
    }

    private static func answer(to question: [UInt8], code: UInt8 = 0, records: [[UInt8]] = []) -> [UInt8] {
        var bytes = question
        bytes.replaceSubrange(2..<12, with: [0x81, 0x80 | code, 0, 1, 0, UInt8(records.count), 0, 0, 0, 0])
        let type = question[question.count - 3]
        for record in records {
            bytes += [0xc0, 12, 0, type, 0, 1, 0, 0, 0, 30, 0, UInt8(record.count)] + record
        }
        return bytes
    }

    /// The answer with the seconds that were left to its only record put back to what they were at first.
    private static func settled(_ answer: [UInt8], _ recordLength: Int = 4) -> [UInt8] {
        let place = answer.count - 3 - recordLength
        guard answer.count >= twoAnswer.count, (20...30).contains(answer[place]) else { return answer }
        var answer = answer
        answer[place] = 30
        return answer
    }

    private static func framed(_ message: [UInt8]) -> [UInt8] {
        [UInt8(message.count >> 8), UInt8(message.count & 255)] + message
    }

    private static func dns(
        _ rules: [(Xray_Proxy_Dns_RuleAction, [Int32])] = [], server: UInt16? = nil,
        network: Xray_Common_Net_Network = .unknown
    ) -> Xray_Proxy_Dns_Config {
        var config = Xray_Proxy_Dns_Config()
        config.rule = rules.map { action, types in
            var rule = Xray_Proxy_Dns_DNSRuleConfig()
            rule.action = action
            rule.qType = types
            if action == .return { rule.rCode = 5 }
            return rule
        }
        if let server {
            config.rewriteServer.address.address = .ip(Data([127, 0, 0, 1]))
            config.rewriteServer.port = UInt32(server)
            config.rewriteServer.network = network
        }
        return config
    }

    private static func stage(_ config: Xray_Proxy_Dns_Config) async throws -> CoreStage {
        try await CoreStage(outbound: config, resolver: Resolver(threads: 2, lookUp: Names.lookUp)) { _ in
            tunnel(to: 53, [.tcp, .udp])
        }
    }

    private static func tunnel(
        to port: UInt16, _ networks: [Xray_Common_Net_Network]
    ) -> Xray_Proxy_Dokodemo_Config {
        // Nobody listens there: what is not answered by the core would be lost.
        var config = CoreStage.tunnel(to: port, networks)
        config.rewriteAddress.address = .ip(Data([127, 0, 0, 9]))
        return config
    }

    @Test(arguments: [
        (two, twoAnswer), (question("two.example", type: 28), nil),
        (question("none.example", type: 1), answer(to: question("none.example", type: 1), code: 3)),
        (question("broken.example", type: 1), answer(to: question("broken.example", type: 1), code: 2)),
        (question("two.example", type: 16), answer(to: question("two.example", type: 16))),
    ])
    func datagramIsAnswered(query: [UInt8], expected: [UInt8]?) async throws {
        let stage = try await Self.stage(Self.dns())
        let client = try UDPSocket()
        let answer = try await offPool {
            try client.send(query, to: stage.port)
            return try client.receive()
        }
        let ipv6: [UInt8] = [0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [1]
        #expect(Self.settled(answer.bytes, ipv6.count) == expected ?? Self.answer(to: query, records: [ipv6]))
        #expect(answer.port == stage.port)
        await stage.stop()
    }

    @Test func queriesOfAConnectionAreAnsweredHoweverTheyAreCut() async throws {
        let stage = try await Self.stage(Self.dns())
        let answer = Self.framed(Self.twoAnswer)
        let answers = try await offPool {
            let client = try TCPClient(port: stage.port)
            for byte in Self.framed(Self.two) + Self.framed(Self.two) { try client.send([byte]) }
            let answers = try (0..<2).flatMap { _ in Self.settled(try client.receive(exactly: answer.count)) }
            try client.send(Self.framed(Self.two).dropLast())
            client.endOutput()
            // The half of a query is nobody's: the connection ends.
            return answers + (try client.receive())
        }
        #expect(answers == answer + answer)
        try await eventually { await stage.core.flowCount() == 0 }
        await stage.stop()
    }

    @Test func manyQueriesAtOnceAreAllAnswered() async throws {
        let stage = try await Self.stage(Self.dns())
        let answer = Self.framed(Self.twoAnswer)
        let count = 5_000
        let received = try await offPool {
            let client = try TCPClient(port: stage.port, timeout: 60)
            // The name is known by then, so that every answer is there at once.
            try client.send(Self.framed(Self.two))
            _ = try client.receive(exactly: answer.count)
            let pieces = [UInt8](repeatElement(Self.framed(Self.two), count: count).joined())
            nonisolated(unsafe) let writer = client
            Thread { try? writer.send(pieces) }.start()
            return try (0..<count).filter { _ in Self.settled(try client.receive(exactly: answer.count)) == answer }
                .count
        }
        #expect(received == count)
        await stage.stop()
    }

    @Test func clientThatEndsItsOutputStillGetsItsAnswers() async throws {
        let stage = try await Self.stage(Self.dns())
        let received = try await offPool {
            let client = try TCPClient(port: stage.port)
            try client.send(Self.framed(Self.two))
            client.endOutput()
            return try client.receive(exactly: Self.framed(Self.twoAnswer).count) + client.receive()
        }
        #expect(Self.settled(received) == Self.framed(Self.twoAnswer))
        await stage.stop()
    }

    @Test(arguments: [Xray_Common_Net_Network.unknown, .udp, .tcp])
    func whatIsLetThroughGoesToTheServer(network: Xray_Common_Net_Network) async throws {
        // Both servers send back what they get, which then is the answer.
        let datagrams = try UDPSocket()
        datagrams.echoInBackground()
        let streams = try EchoServer()
        let query = Self.question("other.example", type: 16)
        for byStream in [false, true] {
            let isStream = network == .tcp || (network == .unknown && byStream)
            let server = isStream ? streams.port : datagrams.port
            let stage = try await Self.stage(Self.dns([(.direct, [16])], server: server, network: network))
            let answers = try await offPool {
                guard byStream else {
                    let client = try UDPSocket()
                    return try (0..<2).map { _ -> [UInt8] in
                        try client.send(query, to: stage.port)
                        return try client.receive().bytes
                    }
                }
                let client = try TCPClient(port: stage.port)
                return try (0..<2).map { _ -> [UInt8] in
                    try client.send(Self.framed(query))
                    return Array(try client.receive(exactly: query.count + 2).dropFirst(2))
                }
            }
            #expect(answers == [query, query], "by stream: \(byStream)")
            await stage.stop()
        }
        streams.stop()
    }

    @Test func refusedAndDroppedTypesAreNotForwarded() async throws {
        let log = try LogLines()
        let stage = try await CoreStage(
            outbound: Self.dns([(.return, [65]), (.drop, [16])]), log: log.log,
            resolver: Resolver(threads: 1, lookUp: Names.lookUp)
        ) { _ in Self.tunnel(to: 53, [.udp]) }
        let refused = Self.question("two.example", type: 65)
        let client = try UDPSocket()
        let answers = try await offPool {
            for query in [Self.question("two.example", type: 16), [1, 2, 3], refused, Self.two] {
                try client.send(query, to: stage.port)
            }
            return try [client.receive().bytes, client.receive().bytes]
        }
        #expect(answers.map { Self.settled($0) } == [Self.answer(to: refused, code: 5), Self.twoAnswer])
        #expect(log.text.contains("proxy/dns: dropped a query of type 16"))
        #expect(log.text.contains("proxy/dns: dropped what is no DNS query"))
        await stage.stop()
    }

    @Test func serverThatClosesItsConnectionIsAskedAnew() async throws {
        let streams = try HalfCloseServer()
        let query = Self.question("other.example", type: 16)
        let stage = try await Self.stage(Self.dns([(.direct, [16])], server: streams.port, network: .tcp))
        // The server answers at the end of its input, which is never reached: it is stopped, and nobody answers.
        let client = try UDPSocket()
        try await offPool { try client.send(query, to: stage.port) }
        streams.stop()
        let again = try await offPool {
            try client.send(Self.two, to: stage.port)
            return try client.receive().bytes
        }
        #expect(Self.settled(again) == Self.twoAnswer, "the session lives on without its server")
        await stage.stop()
    }

    @Test(arguments: [ProxyHop.vless, .vmess])
    func queriesThroughAProxyAreAnswered(hop: ProxyHop) async throws {
        let server = try await CoreStage(
            outbound: Self.dns(), resolver: Resolver(threads: 1, lookUp: Names.lookUp)
        ) { _ in try hop.inbound() }
        let client = try await CoreStage(outbound: hop.outbound(port: server.port)) { _ in
            Self.tunnel(to: 53, [.tcp, .udp])
        }
        let datagrams = try UDPSocket()
        let (byDatagram, byStream) = try await offPool {
            try datagrams.send(Self.two, to: client.port)
            let stream = try TCPClient(port: client.port)
            try stream.send(Self.framed(Self.two))
            return (try datagrams.receive().bytes, try stream.receive(exactly: Self.twoAnswer.count + 2))
        }
        #expect(Self.settled(byDatagram) == Self.twoAnswer)
        #expect(Self.settled(byStream) == Self.framed(Self.twoAnswer))
        await client.stop()
        await server.stop()
    }
}
