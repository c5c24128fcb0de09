// SPDX-License-Identifier: Apache-2.0
import DequeModule
import NIOCore
import Synchronization

/// The messages of one direction of a call on their way from the event loop to the task that reads them.
///
/// The loop pushes and finishes; one task at a time takes. Bounded by flow control: above ``highWater`` the loop stops to credit
/// the peer, and `onDrained` tells it to go on.
final class InboundMessageQueue: Sendable {
    /// In octets, each message counted with some more for its own weight.
    static let highWater = 64 * 1024
    private static let messageWeight = 64

    private struct State {
        var messages = Deque<ByteBuffer>()
        var weight = 0
        var isHeld = false
        var end: End?
        var reader: CheckedContinuation<ByteBuffer?, any Error>?
    }

    private enum End {
        case complete
        case failed(GRPCStatus)
    }

    private let state = Mutex(State())
    private let onDrained: @Sendable () -> Void

    /// `onDrained` is called on the reading task's thread.
    init(onDrained: @escaping @Sendable () -> Void) {
        self.onDrained = onDrained
    }

    /// Whether the peer must not send more until the reader has taken some.
    var isHeld: Bool { state.withLock { $0.isHeld } }

    /// Answers whether the peer may send more.
    func push(_ message: ByteBuffer) -> Bool {
        let (reader, mayContinue) = state.withLock { state -> (CheckedContinuation<ByteBuffer?, any Error>?, Bool) in
            guard state.end == nil else { return (nil, true) }
            if let reader = state.reader.take() { return (reader, true) }
            state.messages.append(message)
            state.weight += message.readableBytes + Self.messageWeight
            state.isHeld = state.weight > Self.highWater
            return (nil, !state.isHeld)
        }
        reader?.resume(returning: message)
        return mayContinue
    }

    /// The reader gets what is queued first; then nil, or the error. Only the first call counts.
    func finish(_ error: GRPCStatus? = nil) {
        let reader = state.withLock { state -> CheckedContinuation<ByteBuffer?, any Error>? in
            guard state.end == nil else { return nil }
            state.end = error.map(End.failed) ?? .complete
            return state.reader.take()
        }
        if let error { reader?.resume(throwing: error) } else { reader?.resume(returning: nil) }
    }

    /// Drops what is queued and ends with the error.
    func abort(_ error: GRPCStatus) {
        state.withLock { state in
            state.messages.removeAll()
            state.weight = 0
        }
        finish(error)
    }

    func next() async throws -> ByteBuffer? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (reader: CheckedContinuation<ByteBuffer?, any Error>) in
                take(for: reader)
            }
        } onCancel: {
            state.withLock { $0.reader.take() }?.resume(throwing: CancellationError())
        }
    }

    private enum Taken {
        case message(ByteBuffer, isDrained: Bool)
        case end(End)
        case cancelled
        case later
    }

    private func take(for reader: CheckedContinuation<ByteBuffer?, any Error>) {
        let taken = state.withLock { state -> Taken in
            if let message = state.messages.popFirst() {
                state.weight -= message.readableBytes + Self.messageWeight
                let isDrained = state.isHeld && state.weight <= Self.highWater / 2
                if isDrained { state.isHeld = false }
                return .message(message, isDrained: isDrained)
            }
            if let end = state.end { return .end(end) }
            // The flag is set before the cancellation handler runs, and the handler takes this lock: it finds the reader.
            if Task.isCancelled { return .cancelled }
            precondition(state.reader == nil, "two tasks read one stream of messages")
            state.reader = reader
            return .later
        }
        switch taken {
        case .message(let message, let isDrained):
            if isDrained { onDrained() }
            reader.resume(returning: message)
        case .end(.complete): reader.resume(returning: nil)
        case .end(.failed(let error)): reader.resume(throwing: error)
        case .cancelled: reader.resume(throwing: CancellationError())
        case .later: break
        }
    }
}
