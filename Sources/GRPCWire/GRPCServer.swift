// SPDX-License-Identifier: Apache-2.0
package import NIOCore
import NIOPosix
import Synchronization

/// A gRPC server over plaintext HTTP/2: listens on any number of addresses, and serves channels that others have made.
package final class GRPCServer: Sendable {
    /// What connections use of the server.
    final class Shared: Sendable {
        let configuration: GRPCServerConfiguration
        let handlers: GRPCHandlerTable
        private let runningHandlers = Atomic<Int>(0)

        init(configuration: GRPCServerConfiguration, handlers: GRPCHandlerTable) {
            self.configuration = configuration
            self.handlers = handlers
        }

        /// False when too many handlers run already.
        func enterHandler() -> Bool {
            let (_, running) = runningHandlers.add(1, ordering: .relaxed)
            guard running <= configuration.maxRunningHandlers else {
                leaveHandler()
                return false
            }
            return true
        }

        func leaveHandler() {
            runningHandlers.subtract(1, ordering: .relaxed)
        }
    }

    private struct Listener {
        let channel: any Channel
        /// Removed when the listener closes.
        let path: String?
    }

    private struct Connection {
        let channel: any Channel
        let bound: NIOLoopBound<ServerConnection>
    }

    private struct State {
        var listeners: [Listener] = []
        var connections: [ObjectIdentifier: Connection] = [:]
        var isShutDown = false
    }

    private let shared: Shared
    private let group: any EventLoopGroup
    private let state = Mutex(State())

    package init(
        configuration: GRPCServerConfiguration = GRPCServerConfiguration(), group: any EventLoopGroup,
        handlers: GRPCHandlerTable
    ) {
        shared = Shared(configuration: configuration, handlers: handlers)
        self.group = group
    }

    package var handlers: GRPCHandlerTable { shared.handlers }

    /// How many connections are open.
    package var connectionCount: Int { state.withLock { $0.connections.count } }

    /// Binds, listens, and returns the address with the port that was given. `socketMode` sets the permissions of a socket file
    /// before anybody can connect; the file is removed when the server shuts down. Throws `UNAVAILABLE`, naming the address.
    @discardableResult
    package func listen(on address: GRPCAddress, socketMode: UInt16? = nil) async throws -> GRPCAddress {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { [self] channel in configure(channel: channel) }
        let channel: any Channel
        var bound = address
        var path: String?
        switch address {
        case .tcp(let host, let port):
            channel = try await Self.listen(bootstrap, host: host, port: port, named: address)
            if let port = channel.localAddress?.port { bound = .tcp(host: host, port: port) }
        case .unix(let name):
            channel = try await bootstrap.withBoundSocket(UnixSocket.bound(to: address, mode: socketMode)).get()
            path = name
        case .abstract:
            channel = try await bootstrap.withBoundSocket(UnixSocket.bound(to: address, mode: nil)).get()
        }
        let listener = Listener(channel: channel, path: path)
        let isTooLate = state.withLock { state in
            if !state.isShutDown { state.listeners.append(listener) }
            return state.isShutDown
        }
        if isTooLate {
            await Self.close(listener)
            throw GRPCStatus(.unavailable, "cannot listen on \(address): the server is shut down")
        }
        return bound
    }

    /// Makes a channel a connection of this server: adds the handlers to its pipeline. The channel carries octets both ways
    /// (`ByteBuffer`), active or not yet; what reads it should not have read anything before.
    package func configure(channel: any Channel) -> EventLoopFuture<Void> {
        let eventLoop = channel.eventLoop
        guard eventLoop.inEventLoop else {
            return eventLoop.flatSubmit { [self] in configure(channel: channel) }
        }
        return eventLoop.makeCompletedFuture { [self] in
            let mayServe = state.withLock {
                !$0.isShutDown && $0.connections.count < shared.configuration.maxConnections
            }
            guard mayServe else { throw GRPCStatus(.unavailable, "the server takes no more connections") }
            if case .tcp? = channel.localAddress.map(Self.kind), let options = channel.syncOptions {
                try? options.setOption(.tcpOption(.tcp_nodelay), value: 1)
            }
            let connection = try ServerConnection.add(to: channel, server: shared)
            let id = ObjectIdentifier(connection)
            let entry = Connection(channel: channel, bound: NIOLoopBound(connection, eventLoop: eventLoop))
            let isTooLate = state.withLock { state in
                state.connections[id] = entry
                return state.isShutDown
            }
            channel.closeFuture.whenComplete { [self] _ in
                state.withLock { _ = $0.connections.removeValue(forKey: id) }
            }
            if isTooLate { connection.shutDown(grace: .zero) }
        }
    }

    /// Stops listening, tells every client to go elsewhere, waits `grace` at most for the running calls, and closes all
    /// connections. Handlers that still run then are cancelled, not waited for.
    package func shutdown(grace: TimeAmount = .seconds(5)) async {
        let (listeners, connections) = state.withLock { state in
            state.isShutDown = true
            let listeners = state.listeners
            state.listeners.removeAll()
            return (listeners, Array(state.connections.values))
        }
        for listener in listeners { await Self.close(listener) }
        for connection in connections {
            connection.channel.eventLoop.execute { connection.bound.value.shutDown(grace: grace) }
        }
        for connection in connections { try? await connection.channel.closeFuture.get() }
    }

    private enum Kind {
        case tcp
        case other
    }

    private static func kind(_ address: SocketAddress) -> Kind {
        switch address {
        case .v4, .v6: .tcp
        case .unixDomainSocket: .other
        }
    }

    private static func listen(
        _ bootstrap: ServerBootstrap, host: String, port: Int, named address: GRPCAddress
    ) async throws -> any Channel {
        let bootstrap = bootstrap.serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        do {
            guard host.isEmpty else { return try await bootstrap.bind(host: host, port: port).get() }
            // Both families on one socket; machines without IPv6 have the other.
            do {
                return try await bootstrap.bind(host: "::", port: port).get()
            } catch {
                return try await bootstrap.bind(host: "0.0.0.0", port: port).get()
            }
        } catch {
            throw GRPCStatus(.unavailable, "cannot listen on \(address): \(ConnectFailure.text(error))")
        }
    }

    private static func close(_ listener: Listener) async {
        try? await listener.channel.close()
        if let path = listener.path { UnixSocket.remove(path) }
    }
}
