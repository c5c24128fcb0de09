// SPDX-License-Identifier: Apache-2.0
import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// The client of the product: HTTP/1.1 by AsyncHTTPClient, on event loops that carry no proxy traffic.
package final class AsyncScriptHTTPClient: ScriptHTTPClient {
    private enum State {
        case unused
        case open(HTTPClient)
        case closed
    }

    private let state = Mutex(State.unused)

    package init() {}

    /// Made with the first request: most configurations have no script that sends any.
    private func client() throws -> HTTPClient {
        try state.withLock { state in
            switch state {
            case .open(let client): return client
            case .closed: throw AutomationError(.closed, "the automation is being stopped")
            case .unused:
                var configuration = HTTPClient.Configuration()
                // A redirect could lead to a host that is not allowed.
                configuration.redirectConfiguration = .disallow
                configuration.httpVersion = .http1Only
                configuration.timeout.connect = .seconds(30)
                // Whether to try again is the script's to say, which else would learn of a refused connection after the time-out.
                configuration.connectionPool.retryConnectionEstablishment = false
                let client = HTTPClient(
                    eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: configuration)
                state = .open(client)
                return client
            }
        }
    }

    package func shutdown() async {
        let before = state.withLock { state in
            defer { state = .closed }
            return state
        }
        if case .open(let client) = before { try? await client.shutdown() }
    }

    package func send(_ request: ScriptHTTPRequest) async throws -> ScriptHTTPResponse {
        var message = HTTPClientRequest(url: request.url)
        message.method = HTTPMethod(rawValue: request.method)
        for (name, value) in request.headers { message.headers.add(name: name, value: value) }
        if !request.body.isEmpty { message.body = .bytes(ByteBuffer(bytes: request.body)) }
        let client = try client()
        // The client's own deadline ends with the answer's head, and the body may take for ever.
        return try await withThrowingTaskGroup(of: ScriptHTTPResponse.self) { [message] group in
            group.addTask {
                try await Task.sleep(for: request.timeout)
                throw ScriptHTTPFailure.timeOut
            }
            group.addTask {
                let answer = try await client.execute(message, deadline: .distantFuture)
                let body = try await answer.body.collect(upTo: request.largest)
                return ScriptHTTPResponse(
                    status: Int(answer.status.code), headers: answer.headers.map { (name: $0.name, value: $0.value) },
                    body: Array(body.readableBytesView))
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw ScriptHTTPFailure.timeOut }
            return first
        }
    }
}
