// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOPosix

/// Makes a client's connection when there is none, and lets calls wait for it. On the client's event loop.
final class ClientConnector {
    private enum State {
        case idle
        case connecting(EventLoopPromise<Void>, [ClientCall])
        case connected(ClientConnection, any Channel)
        case closed
    }

    private let address: GRPCAddress
    private let configuration: GRPCClientConfiguration
    private let eventLoop: any EventLoop
    private var state = State.idle

    init(address: GRPCAddress, configuration: GRPCClientConfiguration, eventLoop: any EventLoop) {
        self.address = address
        self.configuration = configuration
        self.eventLoop = eventLoop
    }

    func start(_ call: ClientCall) {
        switch state {
        case .connected(let connection, _):
            connection.start(call)
        case .connecting(let promise, var calls):
            // Calls that were cancelled meanwhile are let go.
            calls.removeAll { $0.isEnded }
            calls.append(call)
            state = .connecting(promise, calls)
        case .idle:
            dial(waiting: [call])
        case .closed:
            call.end(GRPCStatus(.cancelled, "the client was closed"))
        }
    }

    func connect() -> EventLoopFuture<Void> {
        switch state {
        case .connected: return eventLoop.makeSucceededVoidFuture()
        case .connecting(let promise, _): return promise.futureResult
        case .idle: return dial(waiting: [])
        case .closed: return eventLoop.makeFailedFuture(GRPCStatus(.cancelled, "the client was closed"))
        }
    }

    func close() -> EventLoopFuture<Void> {
        let last = state
        state = .closed
        switch last {
        case .connected(let connection, let channel):
            connection.close()
            // A server that does not read must not keep the connection open.
            let timer = eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
            return channel.closeFuture.always { _ in timer.cancel() }
        case .connecting(let promise, let calls):
            let reason = GRPCStatus(.cancelled, "the client was closed")
            for call in calls { call.end(reason) }
            promise.fail(reason)
            return eventLoop.makeSucceededVoidFuture()
        case .idle, .closed:
            return eventLoop.makeSucceededVoidFuture()
        }
    }

    @discardableResult
    private func dial(waiting calls: [ClientCall]) -> EventLoopFuture<Void> {
        let promise = eventLoop.makePromise(of: Void.self)
        state = .connecting(promise, calls)
        openChannel().assumeIsolated().whenComplete { [self] result in
            guard case .connecting(let promise, let calls) = state else {
                // Closed meanwhile.
                if case .success(let channel) = result { channel.close(promise: nil) }
                return
            }
            do {
                let channel = try result.get()
                guard let connection = ClientConnection.of(channel) else {
                    throw GRPCStatus(.unavailable, "the connection was closed at once")
                }
                state = .connected(connection, channel)
                promise.succeed()
                for call in calls { connection.start(call) }
            } catch {
                state = .idle
                let status = GRPCStatus(.unavailable, "cannot connect to \(address): \(ConnectFailure.text(error))")
                promise.fail(status)
                for call in calls { call.end(status) }
            }
        }
        return promise.futureResult
    }

    private func startAgain(_ call: ClientCall) {
        // Not from within what the lost connection does.
        let (connector, call) = (NIOLoopBound(self, eventLoop: eventLoop), NIOLoopBound(call, eventLoop: eventLoop))
        eventLoop.execute { if !call.value.isEnded { connector.value.start(call.value) } }
    }

    private func connectionLost(_ lost: ClientConnection) {
        if case .connected(let connection, _) = state, connection === lost { state = .idle }
    }

    private func openChannel() -> EventLoopFuture<any Channel> {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        // The handler is there before the first octet is; when several addresses are tried, each channel has its own.
        let bootstrap = ClientBootstrap(group: eventLoop).connectTimeout(configuration.connectTimeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let connector = bound.value
                    try ClientConnection.add(
                        to: channel, configuration: connector.configuration, authority: connector.authority,
                        onRefused: { [weak connector] call in connector?.startAgain(call) },
                        onUnusable: { [weak connector] connection in connector?.connectionLost(connection) })
                }
            }
        switch address {
        case .tcp(let host, let port):
            return bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .connect(host: host.isEmpty ? "localhost" : host, port: port)
        case .unix, .abstract:
            do throws(GRPCStatus) {
                return bootstrap.withConnectedSocket(try UnixSocket.connected(to: address))
            } catch {
                return eventLoop.makeFailedFuture(error)
            }
        }
    }

    /// What `:authority` says; for sockets without a host as grpc-go does.
    private var authority: String {
        switch address {
        case .tcp(let host, let port):
            host.isEmpty ? "localhost:\(port)" : GRPCAddress.tcp(host: host, port: port).description
        case .unix, .abstract: "localhost"
        }
    }
}
