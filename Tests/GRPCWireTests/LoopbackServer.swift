// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import GRPCWire

/// Runs `body` with a server on 127.0.0.1 and a client of it, and shuts both down.
func withLoopback(
    _ table: GRPCHandlerTable, server configuration: GRPCServerConfiguration = GRPCServerConfiguration(),
    client clientConfiguration: GRPCClientConfiguration = GRPCClientConfiguration(),
    listen address: GRPCAddress = .tcp(host: "127.0.0.1", port: 0), socketMode: UInt16? = nil,
    _ body: (GRPCClient, GRPCServer, GRPCAddress) async throws -> Void
) async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    let server = GRPCServer(configuration: configuration, group: group, handlers: table)
    let bound = try await server.listen(on: address, socketMode: socketMode)
    let client = GRPCClient(address: bound, group: group, configuration: clientConfiguration)
    do {
        try await body(client, server, bound)
    } catch {
        await client.close()
        await server.shutdown(grace: .zero)
        throw error
    }
    await client.close()
    await server.shutdown(grace: .zero)
    #expect(server.connectionCount == 0)
}

/// Something that a test waits for: fired from anywhere, once or more.
final class Signal: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    func fire() { continuation.yield() }

    /// Waits for one firing; each is taken once.
    func wait() async {
        for await _ in stream { return }
    }
}
