// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOEmbedded

@testable import GRPCWire

extension FuzzTarget {
    /// gRPC over HTTP/2: what a client or a server may send.
    static let wire: [FuzzTarget] = [
        FuzzTarget("grpc-message", seeds: { [[0, 0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0, 0], [1, 0, 0, 0, 20] + gzipped] }) {
            bytes in
            let whole = grpcMessages(bytes, piece: bytes.count)
            require(grpcMessages(bytes, piece: 1) == whole, "messages are the same octet by octet")
        },
        FuzzTarget("grpc-text", texts: ["100m", "99999999H", "a%20b%", "%E2%82%AC", "AAEC/w==", "AAEC_w"]) { text in
            _ = GRPCTimeout.parse(text.utf8)
            let decoded = PercentEncoding.decode(text.utf8)
            require(
                PercentEncoding.decode(PercentEncoding.encode(decoded)) == decoded, "percent-encoding is reversible")
            if let bytes = Base64.decode(text.utf8) {
                require(Base64.decode(Base64.encode(bytes).utf8) == bytes, "base64 is reversible")
            }
            _ = try? GRPCAddress(text)
        },
        FuzzTarget("http2-server", seeds: { http2Seeds }) { bytes in
            let channel = EmbeddedChannel()
            let server = GRPCServer(
                configuration: GRPCServerConfiguration(), group: channel.embeddedEventLoop, handlers: echoTable)
            defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
            guard (try? server.configure(channel: channel).wait()) != nil,
                let address = try? SocketAddress(ipAddress: "127.0.0.1", port: 1)
            else { return }
            channel.connect(to: address, promise: nil)
            channel.embeddedEventLoop.run()
            // The first octet says how large the pieces are.
            let piece = Int(bytes.first ?? 0) + 1
            var rest = bytes.dropFirst()
            while !rest.isEmpty, channel.isActive {
                _ = try? channel.writeInbound(ByteBuffer(bytes: rest.prefix(piece)))
                rest = rest.dropFirst(piece)
                channel.embeddedEventLoop.run()
                while (try? channel.readOutbound(as: ByteBuffer.self)) != nil {}
            }
        },
    ]

    private static func grpcMessages(_ bytes: [UInt8], piece: Int) -> [ByteBuffer?] {
        var decoder = GRPCMessageDecoder(limit: 4096)
        decoder.compression = .gzip
        var messages: [ByteBuffer?] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            decoder.append(ByteBuffer(bytes: rest.prefix(max(piece, 1))))
            rest = rest.dropFirst(max(piece, 1))
            do {
                while let message = try decoder.next() { messages.append(message) }
            } catch {
                return messages + [nil]
            }
            decoder.settle()
        }
        return messages
    }

    /// An empty gzip member.
    private static let gzipped: [UInt8] = [31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]

    private static let echoTable = GRPCHandlerTable { builder in
        builder.unary("/t.E/I", inline: { request, _ throws(GRPCStatus) in request })
    }

    /// What nghttp2 sends as a client for one call, and for one that is reset.
    private static var http2Seeds: [[UInt8]] {
        guard
            let client = try? HTTP2Session(
                options: HTTP2Session.Options(
                    isServer: false, maxHeaderListSize: 1 << 20, streamWindow: 1 << 16, connectionWindow: 1 << 20))
        else { return [] }
        var block = HeaderBlock()
        for (name, value) in [
            (":method", "POST"), (":scheme", "http"), (":path", "/t.E/I"), (":authority", "t"),
            ("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", "1S"), ("x-bin", "AAEC"),
        ] {
            block.append(name, value)
        }
        guard let stream = try? client.request(block) else { return [] }
        client.write(stream, ByteBuffer(bytes: [1, 2, 3]), compressed: false)
        client.finish(stream)
        var output = ByteBuffer()
        try? client.output(into: &output, limit: 1 << 20)
        let octets = Array(output.readableBytesView)
        let reset: [UInt8] = [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8]
        return [[255] + octets, [0] + octets, [8] + octets + reset]
    }
}
