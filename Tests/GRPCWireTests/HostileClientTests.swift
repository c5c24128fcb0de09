// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOEmbedded
import Testing

@testable import GRPCWire

struct HostileClientTests {
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    @Test(arguments: ["GET / HTTP/1.1\r\nhost: a\r\n\r\n", "\u{16}\u{3}\u{1}", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "x"])
    func otherProtocolsAreDropped(text: String) throws {
        let server = try EmbeddedServer()
        try server.inject(Array(text.utf8))
        #expect(!server.isOpen)
    }

    @Test func aConnectionWithoutPrefaceEnds() throws {
        let server = try EmbeddedServer()
        try server.inject(Array(Self.preface.prefix(10)))
        server.channel.embeddedEventLoop.advanceTime(by: .seconds(9))
        #expect(server.isOpen)
        server.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(!server.isOpen)
    }

    @Test func anIdleConnectionStays() throws {
        let server = try EmbeddedServer()
        try server.exchange()
        server.channel.embeddedEventLoop.advanceTime(by: .hours(24))
        #expect(server.isOpen)
        let stream = try server.request(ByteBuffer(string: "a"))
        try server.exchange()
        #expect(server.responses[stream]?.status?.code == .ok)
    }

    @Test func oversizedHeaderListsResetTheStreamOnly() throws {
        let server = try EmbeddedServer()
        let large = try server.request(
            ByteBuffer(),
            headers: EmbeddedServer.headers((0..<20).map { ("x\($0)", String(repeating: "v", count: 1000)) }))
        try server.exchange()
        #expect(server.responses[large]?.status == nil)
        #expect(server.responses[large]?.closedWith != nil)
        let next = try server.request(ByteBuffer(string: "a"))
        try server.exchange()
        #expect(server.responses[next]?.status?.code == .ok)
    }

    @Test func tooManyStreamsAreRefused() throws {
        var configuration = GRPCServerConfiguration()
        configuration.maxConcurrentStreams = 10
        let server = try EmbeddedServer(configuration: configuration)
        // Before the server's SETTINGS are known.
        let streams = try (0..<20).map { _ in try server.open() }
        try server.exchange()
        #expect(streams.filter { server.responses[$0.number]?.closedWith == 7 }.count == 10)
    }

    @Test func aPingFloodEndsTheConnection() throws {
        let server = try EmbeddedServer()
        try server.exchange()
        server.channel.isWritable = false
        let ping = EmbeddedServer.frame(type: 6, stream: 0, [0, 1, 2, 3, 4, 5, 6, 7])
        for _ in 0..<20 { try server.inject([UInt8](repeatElement(ping, count: 100).joined())) }
        #expect(!server.isOpen)
    }

    @Test func aSettingsFloodEndsTheConnection() throws {
        let server = try EmbeddedServer()
        try server.exchange()
        server.channel.isWritable = false
        let settings = EmbeddedServer.frame(type: 4, stream: 0)
        for _ in 0..<20 { try server.inject([UInt8](repeatElement(settings, count: 100).joined())) }
        #expect(!server.isOpen)
    }

    @Test func rapidResetEndsTheConnection() throws {
        let server = try EmbeddedServer()
        for _ in 0..<3000 where server.isOpen {
            let stream = try server.open()
            try server.exchange()
            server.client.reset(stream, code: HTTP2Session.ErrorCode.cancel)
            try server.exchange()
        }
        #expect(!server.isOpen)
    }

    @Test func aContinuationFloodEndsTheConnection() throws {
        let server = try EmbeddedServer()
        try server.exchange()
        try server.inject(EmbeddedServer.frame(type: 1, stream: 1, [0x82]))
        let field: [UInt8] = [0x00, 1, 0x78, 1, 0x79]
        for _ in 0..<100 where server.isOpen {
            try server.inject(EmbeddedServer.frame(type: 9, stream: 1, field))
        }
        #expect(!server.isOpen)
    }

    @Test func dataOfClosedStreamsKeepsTheWindowOpen() throws {
        let server = try EmbeddedServer()
        // The answer comes with the headers; what follows belongs to nobody.
        for _ in 0..<40 {
            let stream = try server.open(EmbeddedServer.headers(path: "/a/b"))
            try server.exchange()
            for _ in 0..<4 {
                try server.inject(
                    EmbeddedServer.frame(type: 0, stream: stream.number, [UInt8](repeating: 0, count: 16_000)))
            }
        }
        try server.exchange()
        #expect(server.isOpen)
        let stream = try server.request(ByteBuffer(repeating: 1, count: 2_000_000))
        try server.exchange()
        #expect(server.responses[stream]?.status?.code == .ok)
    }

    @Test func whatWaitsOnAConnectionIsBounded() throws {
        var configuration = GRPCServerConfiguration()
        configuration.maxBufferedBytes = 1_000_000
        let server = try EmbeddedServer(configuration: configuration)
        let streams = try (0..<20).map { _ in try server.open() }
        for stream in streams {
            server.client.write(stream, ByteBuffer(repeating: 0, count: 100_000), compressed: false)
        }
        try server.exchange()
        let refused = streams.filter { server.responses[$0.number]?.status?.code == .resourceExhausted }
        #expect((8...12).contains(refused.count))
    }

    @Test func mutatedConversationsNeverTrap() throws {
        let recorded = try conversation()
        for seed in 0..<400 {
            var random = SeededGenerator(seed: UInt64(seed))
            var octets = recorded
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                // Most of the damage behind the preface, which would end the connection at once.
                let index = Int.random(in: (seed % 10 == 0 ? 0 : 24)..<octets.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: octets[index] = UInt8.random(in: 0...255, using: &random)
                case 1: octets[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 2: octets.remove(at: index)
                default: octets.insert(UInt8.random(in: 0...255, using: &random), at: index)
                }
            }
            try feed(octets, using: &random)
        }
    }

    @Test func randomFramesNeverTrap() throws {
        let opening = try Array(conversation().prefix(100))
        for seed in 0..<200 {
            var random = SeededGenerator(seed: UInt64(seed) + 1_000_000)
            var octets = opening.prefix(24) + EmbeddedServer.frame(type: 4, stream: 0)
            for _ in 0..<40 {
                let count = Int.random(in: 0...64, using: &random)
                octets += EmbeddedServer.frame(
                    type: UInt8.random(in: 0...11, using: &random), flags: UInt8.random(in: 0...255, using: &random),
                    stream: Int32.random(in: 0...9, using: &random),
                    (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
            }
            try feed(Array(octets), using: &random)
        }
    }

    /// What a client sends for a few calls of each kind.
    private func conversation() throws -> [UInt8] {
        let server = try EmbeddedServer()
        for path in ["/test.Echo/Inline", "/test.Echo/Fail", "/nope", "/test.Echo/Large"] {
            try server.request(
                ByteBuffer(string: "some message"),
                headers: EmbeddedServer.headers(path: path, [("grpc-timeout", "10S"), ("x-bin", "AQID"), ("a", path)]))
        }
        let stream = try server.open()
        try server.exchange()
        server.client.reset(stream, code: 8)
        server.client.submitGoAway()
        try server.exchange()
        return server.sent
    }

    private func feed(_ octets: [UInt8], using random: inout SeededGenerator) throws {
        let server = try EmbeddedServer()
        var rest = octets[...]
        while !rest.isEmpty && server.isOpen {
            let count = min(Int.random(in: 1...200, using: &random), rest.count)
            try server.inject(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        var answered = 0
        while let output = try server.channel.readOutbound(as: ByteBuffer.self) { answered += output.readableBytes }
        #expect(answered < 2_000_000)
    }
}
