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
        let (seconds, attoseconds) = request.timeout.components
        let timeout = TimeAmount.nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
        let answer = try await client().execute(message, timeout: timeout)
        let body = try await answer.body.collect(upTo: request.largest)
        return ScriptHTTPResponse(
            status: Int(answer.status.code), headers: answer.headers.map { (name: $0.name, value: $0.value) },
            body: Array(body.readableBytesView))
    }
}
