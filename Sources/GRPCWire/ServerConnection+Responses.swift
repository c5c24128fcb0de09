// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// What goes to the client.
extension ServerConnection {
    func finish(_ call: ServerCall, _ reply: ByteBuffer) {
        guard !call.isAnswered else { return }
        call.isAnswered = true
        if call.repliesWithGzip, reply.readableBytes >= server.configuration.minCompressedSize,
            let compressed = Gzip.compress(reply)
        {
            session.respondUnary(call.stream, compressed, compressed: true)
        } else {
            session.respondUnary(call.stream, reply, compressed: false)
        }
        settle(call)
    }

    /// Ends the call with a status, `OK` included: trailers when messages were sent, else headers only.
    func answer(_ call: ServerCall, _ status: GRPCStatus) {
        guard !call.isAnswered else { return }
        var status = status
        if status.code == .ok { status.metadata = call.trailers }
        guard call.responseStarted else {
            refuse(call, status: status, httpStatus: "200")
            return
        }
        call.isAnswered = true
        var trailers = HeaderBlock()
        trailers.append(status)
        session.finish(call.stream, trailers: trailers)
        settle(call)
    }

    func refuse(_ call: ServerCall, status: GRPCStatus, httpStatus: String) {
        call.isAnswered = true
        var block = HeaderBlock()
        block.append(":status", httpStatus)
        block.append("content-type", "application/grpc")
        block.append(call.headers)
        block.append(status)
        session.respond(call.stream, block, endStream: true)
        settle(call)
    }

    func startResponse(of call: ServerCall) {
        guard !call.responseStarted else { return }
        call.responseStarted = true
        var block = HeaderBlock()
        block.append(":status", "200")
        block.append("content-type", "application/grpc")
        if call.repliesWithGzip { block.append("grpc-encoding", "gzip") }
        block.append(call.headers)
        session.respond(call.stream, block, endStream: false)
        handler?.outputAdded()
    }

    func write(_ message: ByteBuffer, of call: ServerCall, _ ticket: WriteTicket) {
        startResponse(of: call)
        if call.repliesWithGzip, message.readableBytes >= server.configuration.minCompressedSize,
            let compressed = Gzip.compress(message)
        {
            session.write(call.stream, compressed, compressed: true)
        } else {
            session.write(call.stream, message, compressed: false)
        }
        handler?.outputAdded()
        if session.pendingBytes(call.stream) <= Self.writeHighWater {
            ticket.finish()
        } else {
            if call.waitingWrites.isEmpty { waitingWriters.append(call) }
            call.waitingWrites.append(ticket)
        }
    }

    /// The status is on its way: the handler, if it still runs, has nothing more to say.
    private func settle(_ call: ServerCall) {
        handler?.outputAdded()
        if call.isRecyclable {
            call.message = nil
            return
        }
        release(call, GRPCStatus(.cancelled, "context canceled"))
    }

    func finishWrites(of call: ServerCall, _ error: GRPCStatus?) {
        let tickets = call.waitingWrites
        call.waitingWrites.removeAll()
        for ticket in tickets { ticket.finish(error) }
    }

    /// Stops what works for the call.
    func release(_ call: ServerCall, _ reason: GRPCStatus) {
        call.isAnswered = true
        call.timer?.cancel()
        call.timer = nil
        call.message = nil
        call.inbound?.abort(reason)
        // The queue refers to the call.
        call.inbound = nil
        call.task?.cancel()
        call.task = nil
        finishWrites(of: call, reason)
    }

    func failCalls(_ reason: GRPCStatus) {
        for case let call? in calls { answer(call, reason) }
    }
}
