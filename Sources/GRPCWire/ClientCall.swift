// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// One call on the client's side, from its start to its status. Used on the client's event loop only.
final class ClientCall {
    let path: String
    let metadata: GRPCMetadata
    let timeout: TimeAmount?
    let eventLoop: any EventLoop
    /// Messages that were written before there was a stream.
    var backlog: [(ByteBuffer, WriteTicket)] = []
    var isHalfClosed = false
    var stream: HTTP2Session.StreamID?
    weak var connection: ClientConnection?
    var decoder: GRPCMessageDecoder
    var inbound: InboundMessageQueue?
    var heldCredit = 0
    var hasHeaders = false
    /// The response has ended, in whatever way; the queue has the status.
    var isEnded = false
    var waitingWrites: [WriteTicket] = []
    var timer: Scheduled<Void>?

    init(path: String, metadata: GRPCMetadata, timeout: TimeAmount?, messageLimit: Int, eventLoop: any EventLoop) {
        self.path = path
        self.metadata = metadata
        self.timeout = timeout
        self.eventLoop = eventLoop
        decoder = GRPCMessageDecoder(limit: messageLimit)
    }

    func armDeadline() {
        guard let timeout, timer == nil, !isEnded else { return }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        timer = eventLoop.scheduleTask(in: timeout) { bound.value.cancel(.deadlineExceeded) }
    }

    /// Ends the call from this side: the server is told, and the reader gets the status.
    func cancel(_ status: GRPCStatus) {
        guard !isEnded else { return }
        connection?.reset(self)
        end(status)
    }

    /// The response is over: `OK` ends the messages, another status is thrown after them.
    func end(_ status: GRPCStatus) {
        guard !isEnded else { return }
        isEnded = true
        timer?.cancel()
        timer = nil
        inbound?.finish(status.code == .ok ? nil : status)
        let tickets = waitingWrites + backlog.map(\.1)
        waitingWrites.removeAll()
        backlog.removeAll()
        let reason = status.code == .ok ? GRPCStatus(.cancelled, "the call has ended") : status
        for ticket in tickets { ticket.finish(reason) }
    }

    /// The reader has taken enough: the server may send more.
    func inboundDrained() {
        connection?.creditHeld(self)
    }
}

extension ClientCall {
    func perform(_ operation: OutboundOperation) {
        switch operation {
        case .message(let message, let ticket): write(message, ticket)
        case .finish: finishWriting()
        // A client's metadata goes with the start of the call.
        case .headers, .trailers: break
        }
    }

    func write(_ message: ByteBuffer, _ ticket: WriteTicket) {
        guard !isEnded, !isHalfClosed else {
            ticket.finish(GRPCStatus(.cancelled, "the call has ended"))
            return
        }
        if let connection, stream != nil {
            connection.write(message, of: self, ticket)
        } else {
            backlog.append((message, ticket))
        }
    }

    func finishWriting() {
        guard !isEnded, !isHalfClosed else { return }
        isHalfClosed = true
        connection?.finishWriting(of: self)
    }
}
