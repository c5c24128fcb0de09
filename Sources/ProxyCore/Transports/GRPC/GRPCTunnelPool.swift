// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel

/// The connections of one outbound to one server on one event loop: a stream takes the first one with room, or opens another.
/// Confined to its event loop.
final class GRPCTunnelPool {
    struct Key: Hashable {
        let outbound: ObjectIdentifier
        let target: Destination
        /// Connections from different addresses of this machine are not shared.
        let localAddress: IPAddress?
    }

    typealias Waiter = (Result<GRPCTunnelClient, any Error>) -> Void

    /// A connection that is being made, and who waits for it.
    private final class Attempt {
        var waiters: [Waiter] = []
    }

    /// As many as a connection takes before its server has told its limit.
    private static let waitersLimit = 100

    private(set) var clients: [GRPCTunnelClient] = []
    private var attempts: [Attempt] = []
    /// Called when the last connection is gone.
    var onEmpty: (() -> Void)?
    /// Told what goes wrong on a connection after it was made.
    private let report: (String) -> Void

    init(report: @escaping (String) -> Void) {
        self.report = report
    }

    /// Gives a connection with room for one more stream, at once if there is one, else when one is made.
    /// - Parameter dial: Makes a connection: a channel with a ``GRPCTunnelClient`` in it.
    func lease(dial: @escaping () -> EventLoopFuture<any Channel>, then body: @escaping Waiter) {
        if let client = clients.first(where: \.hasRoom) {
            body(.success(client))
        } else if let attempt = attempts.first(where: { $0.waiters.count < Self.waitersLimit }) {
            attempt.waiters.append(body)
        } else {
            let attempt = Attempt()
            attempt.waiters = [body]
            attempts.append(attempt)
            dial().assumeIsolated().whenComplete { [self] result in
                attempts.removeAll { $0 === attempt }
                finish(attempt, result, dial)
            }
        }
    }

    private func finish(
        _ attempt: Attempt, _ result: Result<any Channel, any Error>,
        _ dial: @escaping () -> EventLoopFuture<any Channel>
    ) {
        switch result {
        case .success(let channel):
            guard let client = GRPCTunnelClient.of(channel) else { return fail(attempt, TransportFailure.ended) }
            adopt(client)
            var isServed = false
            for waiter in attempt.waiters {
                if client.hasRoom {
                    isServed = true
                    waiter(.success(client))
                } else if isServed {
                    lease(dial: dial, then: waiter)
                } else {
                    // Another connection would have no room either.
                    waiter(.failure(TransportFailure("the gRPC server takes no streams")))
                }
            }
        case .failure(let error):
            fail(attempt, error)
        }
    }

    private func adopt(_ client: GRPCTunnelClient) {
        clients.append(client)
        client.onFault = report
        client.onRetired = { [weak self, weak client] in
            guard let self else { return }
            clients.removeAll { $0 === client }
            leaveIfEmpty()
        }
    }

    private func fail(_ attempt: Attempt, _ error: any Error) {
        for waiter in attempt.waiters { waiter(.failure(error)) }
        leaveIfEmpty()
    }

    private func leaveIfEmpty() {
        guard clients.isEmpty, attempts.isEmpty else { return }
        onEmpty?()
    }
}
