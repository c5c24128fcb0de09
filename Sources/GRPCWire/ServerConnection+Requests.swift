// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// What comes from the client.
extension ServerConnection: HTTP2Calls {
    func connectionStarted() {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        handshakeTimer = eventLoop.scheduleTask(in: server.configuration.handshakeTimeout) {
            bound.value.handler?.closeNow(GRPCStatus(.unavailable, "http/2: no preface in time"))
        }
    }

    func settingsReceived() {
        guard !hasSettings else { return }
        hasSettings = true
        handshakeTimer?.cancel()
        handshakeTimer = nil
    }

    func pingAcknowledged() {
        guard case .noticed = shutdown else { return }
        shutdown = .leaving
        session.submitGoAway()
        handler?.outputAdded()
        closeWhenDone()
    }

    func goAwayReceived() {}

    func headersReceived(_ stream: HTTP2Session.StreamID, _ block: UnsafeRawBufferPointer, isTrailers: Bool) {
        // A client's trailers mean nothing in gRPC.
        guard !isTrailers else { return }
        let call = newCall(stream)
        call.fields.replace(with: block)
        var request = RequestHeaders()
        request.read(block, table: server.handlers)
        if let refusal = request.refusal {
            refuse(call, status: refusal, httpStatus: request.httpStatus)
            return
        }
        call.registration = request.registration
        call.decoder.compression = request.compression
        call.repliesWithGzip = request.compression == .gzip
        if let timeout = request.timeout {
            call.deadline = eventLoop.now + timeout
            newDeadlines.append(call)
        }
        if case .streaming(let body)? = request.registration?.handler { startStreaming(call, body) }
    }

    func dataReceived(_ stream: HTTP2Session.StreamID, _ data: ByteBuffer, isLast: Bool) {
        session.creditConnection(data.readableBytes)
        guard let call = call(stream), !call.isAnswered else {
            session.creditStream(stream, data.readableBytes)
            return
        }
        call.decoder.append(data)
        do throws(GRPCStatus) {
            if call.inbound != nil {
                try readStream(call, count: data.readableBytes)
            } else {
                session.creditStream(stream, data.readableBytes)
                try readUnary(call, isLast: isLast)
            }
            try account(call)
        } catch {
            answer(call, error)
        }
    }

    func endReceived(_ stream: HTTP2Session.StreamID) {
        guard let call = call(stream), !call.isAnswered else { return }
        call.requestEnded = true
        guard call.decoder.bufferedBytes == 0 else {
            answer(call, GRPCStatus(.internal, "unexpected EOF"))
            return
        }
        if let inbound = call.inbound {
            inbound.finish()
        } else if let message = call.message {
            call.message = nil
            run(call, message)
        } else {
            answer(
                call,
                GRPCStatus(
                    .internal, "cardinality violation: received no request message from non-client-streaming RPC"))
        }
    }

    func streamClosed(_ stream: HTTP2Session.StreamID, code: UInt32) {
        guard let call = call(stream) else { return }
        calls[Int(stream.slot)] = nil
        activeCalls -= 1
        bufferedBytes -= call.bufferedBytes
        call.bufferedBytes = 0
        let isRecyclable = call.isRecyclable
        release(call, GRPCStatus(.cancelled, "context canceled"))
        if isRecyclable && idleCalls.count < Self.maxIdleCalls { idleCalls.append(call) }
        closeWhenDone()
    }

    func readCompleted() {
        guard !newDeadlines.isEmpty else { return }
        for call in newDeadlines where !call.isAnswered && call.timer == nil {
            guard let deadline = call.deadline else { continue }
            let bound = NIOLoopBound(call, eventLoop: eventLoop)
            call.timer = eventLoop.scheduleTask(deadline: deadline) {
                bound.value.connection?.answer(bound.value, .deadlineExceeded)
            }
        }
        newDeadlines.removeAll(keepingCapacity: true)
    }

    func outputAdvanced() {
        guard !waitingWriters.isEmpty else { return }
        waitingWriters.removeAll { call in
            guard !call.isAnswered, session.pendingBytes(call.stream) > Self.writeLowWater else {
                finishWrites(of: call, nil)
                return true
            }
            return false
        }
    }

    func connectionEnded(_ reason: GRPCStatus) {
        hasEnded = true
        handshakeTimer?.cancel()
        graceTimer?.cancel()
        for call in calls {
            if let call { release(call, GRPCStatus(.cancelled, "context canceled")) }
        }
        calls.removeAll()
        idleCalls.removeAll()
        newDeadlines.removeAll()
        waitingWriters.removeAll()
        handler = nil
    }

    private func readUnary(_ call: ServerCall, isLast: Bool) throws(GRPCStatus) {
        while let message = try call.decoder.next() {
            guard call.message == nil else {
                throw GRPCStatus(
                    .internal, "cardinality violation: received multiple request messages for non-client-streaming RPC")
            }
            // A message that has to wait must not hold on to all that was received with it.
            call.message = isLast ? message : ByteBuffer(bytes: message.readableBytesView)
        }
    }

    private func readStream(_ call: ServerCall, count: Int) throws(GRPCStatus) {
        call.heldCredit += count
        var mayContinue = call.inbound?.isHeld != true
        while let message = try call.decoder.next() {
            // A copy, for the same reason.
            mayContinue = call.inbound?.push(ByteBuffer(bytes: message.readableBytesView)) ?? true
        }
        if mayContinue { creditHeld(call) }
    }

    func creditHeld(_ call: ServerCall) {
        guard call.heldCredit > 0 else { return }
        session.creditStream(call.stream, call.heldCredit)
        call.heldCredit = 0
    }

    /// Counts what waits, and copies an incomplete message out of the large buffer that it was received in.
    private func account(_ call: ServerCall) throws(GRPCStatus) {
        if call.decoder.bufferedBytes > 0 { call.decoder.settle() }
        let count = call.decoder.bufferedBytes + (call.message?.readableBytes ?? 0)
        bufferedBytes += count - call.bufferedBytes
        call.bufferedBytes = count
        if bufferedBytes > server.configuration.maxBufferedBytes {
            throw GRPCStatus(.resourceExhausted, "too many octets wait on this connection (\(bufferedBytes))")
        }
    }
}
