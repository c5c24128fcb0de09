// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOEmbedded
import Testing

@testable import GRPCWire

struct ServerConnectionTests {
    private let hello = ByteBuffer(string: "hello")

    private func framed(_ message: ByteBuffer) -> ByteBuffer {
        var framed = ByteBuffer(bytes: [0])
        framed.writeInteger(UInt32(message.readableBytes))
        framed.writeImmutableBuffer(message)
        return framed
    }

    @Test func answersInOnePassOfTheEventLoop() throws {
        let server = try EmbeddedServer()
        let stream = try server.request(hello)
        try server.exchange()
        let response = try #require(server.responses[stream])
        #expect(response.headers.value(HeaderBlock.Field.status) == "200")
        #expect(response.body == framed(hello))
        #expect(response.status == GRPCStatus(.ok, ""))
        #expect(response.closedWith == 0)
    }

    @Test(arguments: [1, 2, 3, 7, 24, 100])
    func inputMayBeSplitAnywhere(chunk: Int) throws {
        let server = try EmbeddedServer()
        let streams = try (0..<5).map { try server.request(ByteBuffer(repeating: UInt8($0), count: $0 * 400)) }
        try server.exchange(chunk: chunk)
        for (index, stream) in streams.enumerated() {
            #expect(server.responses[stream]?.body == framed(ByteBuffer(repeating: UInt8(index), count: index * 400)))
            #expect(server.responses[stream]?.status?.code == .ok)
        }
    }

    @Test func manyCallsShareAConnection() throws {
        let server = try EmbeddedServer()
        for round in 0..<20 {
            let streams = try (0..<100).map { try server.request(ByteBuffer(string: "\(round) \($0)")) }
            try server.exchange()
            for (index, stream) in streams.enumerated() {
                #expect(server.responses[stream]?.body == framed(ByteBuffer(string: "\(round) \(index)")))
            }
        }
    }

    @Test func largeMessagesPassTheWindowsBothWays() throws {
        let server = try EmbeddedServer()
        let message = ByteBuffer(repeating: 3, count: 4 * 1024 * 1024)
        let stream = try server.request(message)
        try server.exchange()
        #expect(server.responses[stream]?.body.readableBytes == message.readableBytes + 5)
        #expect(server.responses[stream]?.status?.code == .ok)
    }

    @Test func oneOctetTooManyIsRefused() throws {
        let server = try EmbeddedServer()
        let stream = try server.request(ByteBuffer(repeating: 3, count: 4 * 1024 * 1024 + 1))
        try server.exchange()
        #expect(
            server.responses[stream]?.status
                == GRPCStatus(.resourceExhausted, "grpc: received message larger than max (4194305 vs. 4194304)"))
        // The connection's window was credited for what was thrown away.
        let next = try server.request(ByteBuffer(repeating: 1, count: 3_000_000))
        try server.exchange()
        #expect(server.responses[next]?.status?.code == .ok)
    }

    @Test func errorsAreTrailersOnly() throws {
        let server = try EmbeddedServer()
        let stream = try server.request(hello, headers: EmbeddedServer.headers(path: "/test.Echo/Fail"))
        try server.exchange()
        let response = try #require(server.responses[stream])
        #expect(response.trailers == nil)
        #expect(response.status == GRPCStatus(.notFound, "abc not found.", metadata: ["x-why": "test"]))
    }

    @Test(arguments: [
        ("/test.Echo/Nope", "unknown method Nope for service test.Echo"),
        ("/no.such.Service/Get", "unknown service no.such.Service"),
        ("/nope", "malformed method name: \"/nope\""),
    ])
    func unknownPathsAreUnimplemented(path: String, message: String) throws {
        let server = try EmbeddedServer()
        let stream = try server.request(hello, headers: EmbeddedServer.headers(path: path))
        try server.exchange()
        #expect(server.responses[stream]?.status == GRPCStatus(.unimplemented, message))
    }

    @Test(arguments: ["application/json", "", "application/grp", "application/grpcx", "text/application/grpc"])
    func otherContentTypesAreUnsupportedMedia(contentType: String) throws {
        let server = try EmbeddedServer()
        let stream = try server.request(hello, headers: EmbeddedServer.headers(contentType: contentType))
        try server.exchange()
        let response = try #require(server.responses[stream])
        #expect(response.headers.value(HeaderBlock.Field.status) == "415")
        #expect(
            response.status == GRPCStatus(.invalidArgument, "invalid gRPC request content-type \"\(contentType)\""))
    }

    @Test(arguments: ["application/grpc+proto", "application/grpc;charset=utf-8", "Application/GRPC"])
    func contentTypesMayHaveASubtype(contentType: String) throws {
        let server = try EmbeddedServer()
        let stream = try server.request(hello, headers: EmbeddedServer.headers(contentType: contentType))
        try server.exchange()
        #expect(server.responses[stream]?.status?.code == .ok)
    }

    @Test func otherMethodsAreNotAllowed() throws {
        let server = try EmbeddedServer()
        let stream = try server.request(hello, headers: EmbeddedServer.headers(method: "GET"))
        try server.exchange()
        #expect(server.responses[stream]?.headers.value(HeaderBlock.Field.status) == "405")
        #expect(server.responses[stream]?.status?.code == .internal)
    }

    @Test func badTimeoutsAndEncodingsAreRefused() throws {
        let server = try EmbeddedServer()
        let first = try server.request(hello, headers: EmbeddedServer.headers([("grpc-timeout", "1x")]))
        let second = try server.request(hello, headers: EmbeddedServer.headers([("grpc-encoding", "snappy")]))
        try server.exchange()
        #expect(server.responses[first]?.status?.code == .internal)
        #expect(
            server.responses[second]?.status
                == GRPCStatus(.unimplemented, "grpc: Decompressor is not installed for grpc-encoding \"snappy\""))
    }

    @Test func compressedRequestsAreAnsweredCompressed() throws {
        let server = try EmbeddedServer()
        let message = ByteBuffer(repeating: 65, count: 10_000)
        let stream = try server.open(EmbeddedServer.headers([("grpc-encoding", "gzip")]))
        server.client.write(stream, try #require(Gzip.compress(message)), compressed: true)
        server.client.finish(stream)
        try server.exchange()
        let response = try #require(server.responses[stream.number])
        #expect(response.headers.value(HeaderBlock.Field.grpcEncoding) == "gzip")
        var decoder = GRPCMessageDecoder(limit: 10_000)
        decoder.compression = .gzip
        decoder.append(response.body)
        #expect(try decoder.next() == message)
        #expect(response.body.readableBytes < 1000)
    }

    @Test func aTruncatedMessageIsAnError() throws {
        let server = try EmbeddedServer()
        let stream = try server.open()
        try server.exchange()
        try server.inject(EmbeddedServer.frame(type: 0, flags: 1, stream: stream.number, [0, 0, 0, 0, 9, 1]))
        try server.receive()
        #expect(server.responses[stream.number]?.status == GRPCStatus(.internal, "unexpected EOF"))
    }

    @Test func aUnaryCallHasExactlyOneMessage() throws {
        let server = try EmbeddedServer()
        let none = try server.open()
        server.client.finish(none)
        let two = try server.open()
        server.client.write(two, hello, compressed: false)
        server.client.write(two, hello, compressed: false)
        server.client.finish(two)
        try server.exchange()
        #expect(server.responses[none.number]?.status?.code == .internal)
        #expect(server.responses[two.number]?.status?.code == .internal)
    }

    @Test func anAnswerBeforeTheRequestsEndResetsTheStream() throws {
        let server = try EmbeddedServer()
        let stream = try server.open(EmbeddedServer.headers(path: "/a/b"))
        try server.exchange()
        #expect(server.responses[stream.number]?.status == GRPCStatus(.unimplemented, "unknown service a"))
        #expect(server.responses[stream.number]?.closedWith == 0)
    }

    @Test func aHalfOpenCallEndsAtItsDeadline() throws {
        let server = try EmbeddedServer()
        let stream = try server.open(EmbeddedServer.headers([("grpc-timeout", "500m")]))
        try server.exchange()
        server.channel.embeddedEventLoop.advanceTime(by: .milliseconds(499))
        try server.exchange()
        #expect(server.responses[stream.number]?.status == nil)
        server.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        try server.exchange()
        #expect(server.responses[stream.number]?.status == GRPCStatus(.deadlineExceeded, "context deadline exceeded"))
    }

    @Test func nothingIsReadWhileTheClientTakesNothing() throws {
        let server = try EmbeddedServer()
        try server.exchange()
        server.channel.isWritable = false
        let stream = try server.request(hello, headers: EmbeddedServer.headers(path: "/test.Echo/Large"))
        try server.exchange()
        #expect(server.responses[stream] == nil)
        server.channel.isWritable = true
        server.channel.pipeline.fireChannelWritabilityChanged()
        try server.exchange()
        #expect(server.responses[stream]?.body.readableBytes == 100_005)
    }

    @Test func nothingOfAConnectionOutlivesIt() throws {
        weak var connection: ServerConnection?
        weak var session: HTTP2Session?
        do {
            let server = try EmbeddedServer()
            try server.request(hello)
            _ = try server.open(EmbeddedServer.headers([("grpc-timeout", "1H")]))
            try server.exchange()
            connection = try serverConnection(of: server)
            session = try server.channel.pipeline.syncOperations.handler(type: HTTP2ConnectionHandler.self).session
            #expect(session != nil)
            server.channel.close(promise: nil)
            server.channel.embeddedEventLoop.run()
        }
        #expect(connection == nil)
        #expect(session == nil)
    }

    @Test func shutdownLetsRunningCallsEnd() throws {
        let server = try EmbeddedServer()
        let stream = try server.open()
        try server.exchange()
        let connection = try #require(try serverConnection(of: server))
        connection.shutDown(grace: .seconds(5))
        try server.exchange()
        // The notice, and after the answer to the PING the last stream's number.
        #expect(server.goAways == [0, 0])
        #expect(server.isOpen)
        server.client.write(stream, hello, compressed: false)
        server.client.finish(stream)
        try server.exchange()
        #expect(server.responses[stream.number]?.status?.code == .ok)
        #expect(!server.isOpen)
    }

    @Test func shutdownEndsWhenTheGracePeriodDoes() throws {
        let server = try EmbeddedServer()
        _ = try server.open()
        try server.exchange()
        let connection = try #require(try serverConnection(of: server))
        connection.shutDown(grace: .seconds(5))
        try server.exchange()
        server.channel.embeddedEventLoop.advanceTime(by: .seconds(5))
        #expect(!server.isOpen)
    }

    private func serverConnection(of server: EmbeddedServer) throws -> ServerConnection? {
        try server.channel.pipeline.syncOperations.handler(type: HTTP2ConnectionHandler.self).calls as? ServerConnection
    }
}
