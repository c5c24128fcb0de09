// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOEmbedded
import Testing

@testable import GRPCWire

/// A client's connection on an `EmbeddedChannel`, fed by hand.
struct HostileServerTests {
    private func start(_ channel: EmbeddedChannel) throws -> (ClientConnection, ClientCall) {
        try ClientConnection.add(to: channel, configuration: GRPCClientConfiguration(), authority: "test") { _ in }
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        let connection = try #require(ClientConnection.of(channel))
        let call = ClientCall(
            path: "/a.B/C", metadata: [:], timeout: nil, messageLimit: 1000, eventLoop: channel.embeddedEventLoop)
        call.inbound = InboundMessageQueue {}
        call.write(ByteBuffer(string: "request"), WriteTicket())
        call.finishWriting()
        connection.start(call)
        channel.embeddedEventLoop.run()
        return (connection, call)
    }

    private func respond(_ octets: [UInt8]) async throws -> ByteBuffer? {
        let channel = EmbeddedChannel()
        let (connection, call) = try start(channel)
        defer { withExtendedLifetime(connection) {} }
        if channel.isActive { try channel.writeInbound(ByteBuffer(bytes: octets)) }
        _ = try channel.finish(acceptAlreadyClosed: true)
        channel.embeddedEventLoop.run()
        return try await call.inbound?.next()
    }

    private static let settings = EmbeddedServer.frame(type: 4, stream: 0)
    /// `:status: 200`, `content-type: application/grpc`.
    private static let headers = EmbeddedServer.frame(
        type: 1, flags: 4, stream: 1, [0x88, 0x0f, 0x10, 16] + Array("application/grpc".utf8))

    private static func trailers(_ status: String) -> [UInt8] {
        EmbeddedServer.frame(
            type: 1, flags: 5, stream: 1,
            [0x00, 11] + Array("grpc-status".utf8) + [UInt8(status.utf8.count)] + Array(status.utf8))
    }

    @Test func readsAResponse() async throws {
        let data = EmbeddedServer.frame(type: 0, stream: 1, [0, 0, 0, 0, 2, 7, 8])
        #expect(
            try await respond(Self.settings + Self.headers + data + Self.trailers("0")) == ByteBuffer(bytes: [7, 8]))
    }

    @Test func statusesCodesAreThrown() async throws {
        await #expect(throws: GRPCStatus(.notFound, "")) {
            try await respond(Self.settings + Self.headers + Self.trailers("5"))
        }
    }

    @Test func aTruncatedMessageIsAnError() async throws {
        let data = EmbeddedServer.frame(type: 0, stream: 1, [0, 0, 0, 0, 2, 7])
        await #expect(throws: GRPCStatus(.internal, "unexpected EOF")) {
            try await respond(Self.settings + Self.headers + data + Self.trailers("0"))
        }
    }

    @Test func missingTrailersAreAnError() async throws {
        let data = EmbeddedServer.frame(type: 0, flags: 1, stream: 1, [])
        await #expect(throws: GRPCStatus(.internal, "server closed the stream without sending trailers")) {
            try await respond(Self.settings + Self.headers + data)
        }
    }

    @Test(arguments: [
        (UInt8(0x8d), GRPCStatus.Code.unimplemented), (0x8c, .internal), (0x8e, .unknown),
    ])
    func httpErrorsBecomeStatuses(field: UInt8, code: GRPCStatus.Code) async throws {
        let headers = EmbeddedServer.frame(type: 1, flags: 5, stream: 1, [field])
        let error = await #expect(throws: GRPCStatus.self) { try await respond(Self.settings + headers) }
        #expect(error?.code == code)
    }

    @Test(arguments: [
        (UInt8(7), GRPCStatus.Code.unavailable), (8, .cancelled), (11, .resourceExhausted), (2, .internal),
    ])
    func resetsBecomeStatuses(reset: UInt8, code: GRPCStatus.Code) async throws {
        let frame = EmbeddedServer.frame(type: 3, stream: 1, [0, 0, 0, reset])
        let error = await #expect(throws: GRPCStatus.self) { try await respond(Self.settings + frame) }
        #expect(error?.code == code)
    }

    @Test(arguments: ["HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-x\r\n", ""])
    func whatIsNotHTTP2IsUnavailable(text: String) async throws {
        let error = await #expect(throws: GRPCStatus.self) { try await respond(Array(text.utf8)) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("test") == true)
    }

    @Test func mutatedResponsesEndTheCall() async throws {
        let data = EmbeddedServer.frame(type: 0, stream: 1, [0, 0, 0, 0, 2, 7, 8])
        let recorded = Self.settings + Self.headers + data + Self.trailers("0")
        for seed in 0..<300 {
            var random = SeededGenerator(seed: UInt64(seed))
            var octets = recorded
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let index = Int.random(in: 0..<octets.count, using: &random)
                octets[index] = UInt8.random(in: 0...255, using: &random)
            }
            // Whatever it is, it must come: a message, a status, or the end of the connection.
            _ = try? await respond(octets)
        }
    }
}
