// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOEmbedded
import Testing

@testable import GRPCWire

/// A server's connection on an `EmbeddedChannel`, and nghttp2 as its client: no sockets, no threads, time by hand.
final class EmbeddedServer {
    struct Response {
        var headers = HeaderBlock()
        var trailers: HeaderBlock?
        var body = ByteBuffer()
        var closedWith: UInt32?

        var status: GRPCStatus? { trailers?.status ?? headers.status }
    }

    let channel: EmbeddedChannel
    let client: HTTP2Session
    let server: GRPCServer
    private(set) var responses: [Int32: Response] = [:]
    private(set) var goAways: [UInt32] = []
    /// All that the client has sent.
    private(set) var sent: [UInt8] = []

    static let table = GRPCHandlerTable { builder in
        builder.unary("/test.Echo/Inline", inline: { request, _ throws(GRPCStatus) in request })
        builder.unary(
            "/test.Echo/Large",
            inline: { _, _ throws(GRPCStatus) in ByteBuffer(repeating: 7, count: 100_000) })
        builder.unary(
            "/test.Echo/Fail",
            inline: { _, _ throws(GRPCStatus) -> ByteBuffer in
                throw GRPCStatus(.notFound, "abc not found.", metadata: ["x-why": "test"])
            })
    }

    init(
        configuration: GRPCServerConfiguration = GRPCServerConfiguration(),
        table: GRPCHandlerTable = EmbeddedServer.table
    ) throws {
        channel = EmbeddedChannel()
        server = GRPCServer(configuration: configuration, group: channel.embeddedEventLoop, handlers: table)
        client = try HTTP2Session(
            options: HTTP2Session.Options(
                isServer: false, maxHeaderListSize: 1 << 20, streamWindow: 1 << 16, connectionWindow: 1 << 20))
        try server.configure(channel: channel).wait()
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        channel.embeddedEventLoop.run()
    }

    deinit {
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }

    var isOpen: Bool { channel.isActive }

    static func headers(
        path: String = "/test.Echo/Inline", method: String = "POST", contentType: String = "application/grpc",
        _ more: [(String, String)] = []
    ) -> HeaderBlock {
        var block = HeaderBlock()
        block.append(":method", method)
        block.append(":scheme", "http")
        block.append(":path", path)
        block.append(":authority", "test")
        if !contentType.isEmpty { block.append("content-type", contentType) }
        block.append("te", "trailers")
        for (name, value) in more { block.append(name, value) }
        return block
    }

    /// Sends a whole request; ``exchange(chunk:)`` carries it over.
    @discardableResult
    func request(_ message: ByteBuffer, headers: HeaderBlock = EmbeddedServer.headers()) throws -> Int32 {
        let stream = try client.request(headers)
        client.write(stream, message, compressed: false)
        client.finish(stream)
        return stream.number
    }

    /// A request whose body stays open.
    func open(_ headers: HeaderBlock = EmbeddedServer.headers()) throws -> HTTP2Session.StreamID {
        try client.request(headers)
    }

    /// Carries octets both ways until both sides are quiet. `chunk`: how many octets the server gets at a time.
    func exchange(chunk: Int = .max) throws {
        for _ in 0..<10_000 {
            var output = ByteBuffer()
            try client.output(into: &output, limit: 1 << 20)
            clientEvents()
            sent += output.readableBytesView
            let moved = output.readableBytes > 0
            while let piece = output.readSlice(length: min(chunk, max(output.readableBytes, 1))) {
                if channel.isActive { try channel.writeInbound(piece) }
            }
            channel.embeddedEventLoop.run()
            guard try receive() || moved else { return }
        }
        Issue.record("client and server never became quiet")
    }

    /// Gives octets to the server past the client's session.
    func inject(_ octets: [UInt8]) throws {
        if channel.isActive { try channel.writeInbound(ByteBuffer(bytes: octets)) }
        channel.embeddedEventLoop.run()
    }

    static func frame(type: UInt8, flags: UInt8 = 0, stream: Int32, _ payload: [UInt8] = []) -> [UInt8] {
        var frame = ByteBuffer()
        frame.writeInteger(UInt8(payload.count >> 16))
        frame.writeInteger(UInt16(truncatingIfNeeded: payload.count))
        frame.writeInteger(type)
        frame.writeInteger(flags)
        frame.writeInteger(stream)
        frame.writeBytes(payload)
        return Array(frame.readableBytesView)
    }

    /// Answers whether there was anything.
    @discardableResult
    func receive() throws -> Bool {
        var moved = false
        while let output = try channel.readOutbound(as: ByteBuffer.self) {
            moved = moved || output.readableBytes > 0
            try output.withUnsafeReadableBytes { try client.receive($0) }
            clientEvents(output)
        }
        return moved
    }

    private func clientEvents(_ input: ByteBuffer = ByteBuffer()) {
        for index in 0..<client.eventCount {
            switch client.event(at: index) {
            case .headers(let stream, let fields, let isTrailers):
                var block = HeaderBlock()
                block.replace(with: fields)
                if isTrailers {
                    responses[stream.number, default: Response()].trailers = block
                } else {
                    responses[stream.number, default: Response()].headers = block
                }
            case .data(let stream, let offset, let count, _):
                let slice = input.getSlice(at: input.readerIndex + offset, length: count)
                responses[stream.number, default: Response()].body.writeImmutableBuffer(slice ?? ByteBuffer())
                client.creditConnection(count)
                client.creditStream(stream, count)
            case .closed(let stream, let code): responses[stream.number, default: Response()].closedWith = code
            case .goAway(let code): goAways.append(code)
            case .end, .pingAcknowledged, .settings, nil: break
            }
        }
        client.clearEvents()
    }
}

/// A small generator with a seed, so that a failing run can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1 }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
