// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// One call on the server's side. Lives in its connection from the request's headers to the end of the stream.
///
/// Used on the connection's event loop only. Calls of inline handlers are recycled; others may be referenced by a task.
final class ServerCall {
    var stream: HTTP2Session.StreamID
    var registration: GRPCHandlerTable.Method?
    var fields = HeaderBlock()
    var decoder: GRPCMessageDecoder
    /// The request of a unary call.
    var message: ByteBuffer?
    var deadline: NIODeadline?
    var timer: Scheduled<Void>?
    var task: Task<Void, Never>?
    var inbound: InboundMessageQueue?
    /// A task was given a reference, now or earlier.
    var isShared = false
    /// What was received and is neither credited to the stream nor taken by the handler.
    var heldCredit = 0
    /// Octets that count against the connection's limit.
    var bufferedBytes = 0
    var repliesWithGzip = false
    var requestEnded = false
    /// Headers were sent, messages may follow.
    var responseStarted = false
    /// The status was sent or the stream is gone: nothing more may be sent.
    var isAnswered = false
    /// Metadata for the headers, until they are sent.
    var headers = GRPCMetadata()
    var trailers = GRPCMetadata()
    var waitingWrites: [WriteTicket] = []
    weak var connection: ServerConnection?

    init(stream: HTTP2Session.StreamID, messageLimit: Int) {
        self.stream = stream
        decoder = GRPCMessageDecoder(limit: messageLimit)
    }

    /// Makes an ended call ready for another stream. The storage of the header fields is kept.
    func recycle(for stream: HTTP2Session.StreamID) {
        self.stream = stream
        registration = nil
        fields.removeAll()
        decoder.reset()
        message = nil
        deadline = nil
        heldCredit = 0
        bufferedBytes = 0
        repliesWithGzip = false
        requestEnded = false
        responseStarted = false
        isAnswered = false
    }

    /// Whether nobody but the connection can hold a reference.
    var isRecyclable: Bool { !isShared && timer == nil }
}

extension ServerCall {
    func perform(_ operation: OutboundOperation) {
        switch operation {
        case .message(let message, let ticket):
            if let connection, !isAnswered {
                connection.write(message, of: self, ticket)
            } else {
                ticket.finish(GRPCStatus(.cancelled, "context canceled"))
            }
        case .headers(let metadata):
            var block = HeaderBlock()
            block.append(metadata)
            guard let connection, !isAnswered, !responseStarted, block.bytes.count < HeaderBlock.sizeLimit / 2 else {
                return
            }
            headers = metadata
            connection.startResponse(of: self)
        case .trailers(let metadata):
            trailers = metadata
        case .finish:
            // The handler's return ends the response.
            break
        }
    }
}
