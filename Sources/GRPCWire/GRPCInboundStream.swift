// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// The messages that the peer sends, in order. Read by one task at a time; ends with the peer's half-close.
///
/// On a server, throws a ``GRPCStatus`` when the call was cancelled or its input is malformed. On a client, throws the call's
/// status unless it is `OK`. Both throw `CancellationError` when the reading task is cancelled.
package struct GRPCInboundStream: AsyncSequence, Sendable {
    let queue: InboundMessageQueue
    /// Keeps a client's call alive; nil on a server.
    let lease: (any Sendable)?

    init(queue: InboundMessageQueue, lease: (any Sendable)? = nil) {
        self.queue = queue
        self.lease = lease
    }

    package struct AsyncIterator: AsyncIteratorProtocol {
        let stream: GRPCInboundStream

        package mutating func next() async throws -> ByteBuffer? {
            try await stream.queue.next()
        }
    }

    package func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(stream: self)
    }

    /// One message without a `for` loop.
    package func next() async throws -> ByteBuffer? {
        try await queue.next()
    }
}
