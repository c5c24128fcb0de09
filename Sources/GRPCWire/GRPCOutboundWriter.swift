// SPDX-License-Identifier: Apache-2.0
package import NIOCore
import Synchronization

/// The sending half of a streaming call.
package struct GRPCOutboundWriter: Sendable {
    /// Hands the operation to the call on its event loop.
    let perform: @Sendable (OutboundOperation) -> Void
    /// Keeps a client's call alive; nil on a server.
    let lease: (any Sendable)?

    init(lease: (any Sendable)? = nil, perform: @escaping @Sendable (OutboundOperation) -> Void) {
        self.lease = lease
        self.perform = perform
    }

    /// Queues one message, and waits while too much is queued for this call. Throws a ``GRPCStatus`` when the call has ended,
    /// `CancellationError` when the writing task is cancelled; the message may have been sent nevertheless.
    package func write(_ message: ByteBuffer) async throws {
        let ticket = WriteTicket()
        perform(.message(message, ticket))
        try await withTaskCancellationHandler {
            try await ticket.wait()
        } onCancel: {
            ticket.finish(CancellationError())
        }
    }

    /// Server: metadata for the response's headers, sent with the first message or at once. No effect after the first message.
    package func sendHeaders(_ metadata: GRPCMetadata) {
        perform(.headers(metadata))
    }

    /// Server: metadata for the trailers when the handler returns without an error.
    package func setTrailers(_ metadata: GRPCMetadata) {
        perform(.trailers(metadata))
    }

    /// Client: half-closes the call. A server ends its side by returning from the handler.
    package func finish() {
        perform(.finish)
    }
}

enum OutboundOperation: Sendable {
    /// The ticket is finished at once, or when the queue of the call has drained.
    case message(ByteBuffer, WriteTicket)
    case headers(GRPCMetadata)
    case trailers(GRPCMetadata)
    case finish
}

/// One write on its way to the event loop and back: finished once, awaited once, in either order.
final class WriteTicket: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<Void, any Error>)
        case finished((any Error)?)
    }

    private let state = Mutex(State.open)

    func finish(_ error: (any Error)? = nil) {
        let writer = state.withLock { state -> CheckedContinuation<Void, any Error>? in
            switch state {
            case .open:
                state = .finished(error)
                return nil
            case .awaited(let writer):
                state = .finished(error)
                return writer
            case .finished:
                return nil
            }
        }
        if let error { writer?.resume(throwing: error) } else { writer?.resume() }
    }

    func wait() async throws {
        try await withCheckedThrowingContinuation { (writer: CheckedContinuation<Void, any Error>) in
            let result = state.withLock { state -> Result<Void, any Error>? in
                if case .finished(let error) = state { return error.map(Result.failure) ?? .success(()) }
                state = .awaited(writer)
                return nil
            }
            if let result { writer.resume(with: result) }
        }
    }
}
