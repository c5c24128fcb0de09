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
    /// The messages of the request so far, for as long as the server may turn out not to have looked at it; nil = the call cannot be
    /// made a second time.
    private var replay: [ByteBuffer]? = []
    private var replayBytes = 0

    /// Octets of a request that are kept for a second time.
    static let replayLimit = 256 * 1024

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
        commit()
        timer?.cancel()
        timer = nil
        inbound?.finish(status.code == .ok ? nil : status)
        let tickets = waitingWrites + backlog.map(\.1)
        waitingWrites.removeAll()
        backlog.removeAll()
        let reason = status.code == .ok ? GRPCStatus(.cancelled, "the call has ended") : status
        for ticket in tickets { ticket.finish(reason) }
    }

    /// A message goes to a stream.
    func keep(_ message: ByteBuffer) {
        replayBytes += message.readableBytes
        if replayBytes > Self.replayLimit { commit() } else { replay?.append(message) }
    }

    /// The server has begun to answer: the call is its.
    func commit() { replay = nil }

    /// Makes it a call that has not been started, once; false if it cannot be.
    func rewind() -> Bool {
        guard !isEnded, !hasHeaders, let messages = replay else { return false }
        replay = nil
        stream = nil
        connection = nil
        let tickets = waitingWrites
        waitingWrites.removeAll()
        for ticket in tickets { ticket.finish() }
        backlog = messages.map { ($0, WriteTicket()) }
        return true
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
