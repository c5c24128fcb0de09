// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOHTTP1
import NIOPosix

/// An HTTP server on 127.0.0.1 that answers by path: `/echo` with the request, `/large` with 2 MB, `/away` with a redirect,
/// `/silent` never, `/stalled` with the beginning of a body and no more, `/close` by closing.
final class HTTPServerDouble: Sendable {
    let port: Int
    private let channel: any Channel

    init() async throws {
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.pipeline.configureHTTPServerPipeline().flatMapThrowing {
                    try channel.pipeline.syncOperations.addHandler(Handler())
                }
            }.bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    func stop() async { try? await channel.close() }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private var head: HTTPRequestHead?
        private var body = ""

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): (self.head, body) = (head, "")
            case .body(let part): body += String(buffer: part)
            case .end: answer(context)
            }
        }

        private func answer(_ context: ChannelHandlerContext) {
            guard let head else { return }
            var status = HTTPResponseStatus.ok
            var headers: HTTPHeaders = ["X-Part": "one", "x-part": "two"]
            var text = ""
            switch head.uri {
            case "/echo":
                let type = head.headers.first(name: "content-type") ?? "none"
                text = "\(head.method) \(type) \(head.headers.first(name: "x-key") ?? "none") \(body)"
            case "/large": text = String(repeating: "x", count: 2 << 20)
            case "/away":
                status = .found
                headers.add(name: "Location", value: "/echo")
            case "/silent": return
            case "/stalled":
                headers.add(name: "Content-Length", value: "100")
                context.write(
                    wrapOutboundOut(.head(.init(version: head.version, status: status, headers: headers))), promise: nil
                )
                return context.writeAndFlush(
                    wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "begun")))), promise: nil)
            case "/close": return context.close(promise: nil)
            default: status = .notFound
            }
            headers.add(name: "Content-Length", value: "\(text.utf8.count)")
            context.write(
                wrapOutboundOut(.head(.init(version: head.version, status: status, headers: headers))), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
