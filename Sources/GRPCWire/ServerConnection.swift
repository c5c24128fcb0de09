// SPDX-License-Identifier: Apache-2.0
import CNGHTTP2
import NIOCore

/// The calls of one connection to a server: reads requests, runs handlers, sends responses. On the connection's event loop.
final class ServerConnection {
    private enum Shutdown {
        case none
        /// GOAWAY with the highest id and a PING are out; streams that cross them are still taken.
        case noticed
        /// GOAWAY with the last stream is out: close when the calls have ended.
        case leaving
    }

    let server: GRPCServer.Shared
    let channel: any Channel
    let eventLoop: any EventLoop
    private let peer: GRPCCallContext.Connection
    private var handler: HTTP2ConnectionHandler?
    private let session: HTTP2Session
    /// By slot.
    private var calls: [ServerCall?] = []
    private var activeCalls = 0
    private var idleCalls: [ServerCall] = []
    private var newDeadlines: [ServerCall] = []
    private var waitingWriters: [ServerCall] = []
    private var bufferedBytes = 0
    private var handshakeTimer: Scheduled<Void>?
    private var graceTimer: Scheduled<Void>?
    private var hasSettings = false
    private var hasEnded = false
    private var shutdown = Shutdown.none

    private static let maxIdleCalls = 256
    static let writeHighWater = 64 * 1024
    static let writeLowWater = 16 * 1024

    private init(server: GRPCServer.Shared, channel: any Channel, session: HTTP2Session) {
        self.server = server
        self.channel = channel
        eventLoop = channel.eventLoop
        peer = GRPCCallContext.Connection(channel: channel)
        self.session = session
    }

    /// Adds the connection's handler to the channel's pipeline. On the channel's event loop.
    static func add(to channel: any Channel, server: GRPCServer.Shared) throws -> ServerConnection {
        let configuration = server.configuration
        let session = try HTTP2Session(
            options: cnghttp2_options(
                is_server: 1, max_concurrent_streams: UInt32(clamping: configuration.maxConcurrentStreams),
                max_header_list_size: UInt32(clamping: configuration.maxHeaderListSize),
                stream_window: UInt32(clamping: min(configuration.streamWindow, Int(Int32.max))),
                connection_window: UInt32(clamping: min(configuration.connectionWindow, Int(Int32.max)))))
        let connection = ServerConnection(server: server, channel: channel, session: session)
        let handler = HTTP2ConnectionHandler(session: session, calls: connection, holdsReads: true)
        connection.handler = handler
        try channel.pipeline.syncOperations.addHandler(handler)
        return connection
    }

    /// Takes no further calls, and closes when those that run have ended or `grace` has passed.
    func shutDown(grace: TimeAmount) {
        guard !hasEnded, case .none = shutdown else { return }
        guard hasSettings, grace > .zero else {
            session.submitGoAway()
            shutdown = .leaving
            failCalls(GRPCStatus(.unavailable, "the server is shutting down"))
            handler?.closeAfterOutput()
            forceClose(after: .milliseconds(100))
            return
        }
        shutdown = .noticed
        session.submitShutdownNotice()
        handler?.outputAdded()
        forceClose(after: grace)
    }

    private func forceClose(after delay: TimeAmount) {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        graceTimer = eventLoop.scheduleTask(in: delay) {
            bound.value.handler?.closeNow(GRPCStatus(.unavailable, "the server is shutting down"))
        }
    }

    private func closeWhenDone() {
        if case .leaving = shutdown, activeCalls == 0 { handler?.closeAfterOutput() }
    }

    private func call(_ stream: HTTP2Session.StreamID) -> ServerCall? {
        guard stream.slot < calls.count, let call = calls[Int(stream.slot)], call.stream == stream else { return nil }
        return call
    }

    private func newCall(_ stream: HTTP2Session.StreamID) -> ServerCall {
        let call: ServerCall
        if let idle = idleCalls.popLast() {
            idle.recycle(for: stream)
            call = idle
        } else {
            call = ServerCall(stream: stream, messageLimit: server.configuration.maxMessageSize)
            call.connection = self
        }
        let slot = Int(stream.slot)
        while calls.count <= slot { calls.append(nil) }
        calls[slot] = call
        activeCalls += 1
        return call
    }
}

// MARK: - What arrives

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

    func dataReceived(_ stream: HTTP2Session.StreamID, _ data: ByteBuffer) {
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
                try readUnary(call)
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

    private func readUnary(_ call: ServerCall) throws(GRPCStatus) {
        while let message = try call.decoder.next() {
            guard call.message == nil else {
                throw GRPCStatus(
                    .internal, "cardinality violation: received multiple request messages for non-client-streaming RPC")
            }
            call.message = message
        }
    }

    private func readStream(_ call: ServerCall, count: Int) throws(GRPCStatus) {
        call.heldCredit += count
        var mayContinue = true
        while let message = try call.decoder.next() {
            // A copy, so that a small message that waits does not hold on to all that was received with it.
            mayContinue = call.inbound?.push(ByteBuffer(bytes: message.readableBytesView)) ?? true
        }
        if mayContinue { creditHeld(call) }
    }

    private func creditHeld(_ call: ServerCall) {
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

// MARK: - Handlers

extension ServerConnection {
    private func context(of call: ServerCall, _ registration: GRPCHandlerTable.Method) -> GRPCCallContext {
        GRPCCallContext(registration: registration, fields: call.fields, connection: peer, deadline: call.deadline)
    }

    private func run(_ call: ServerCall, _ message: ByteBuffer) {
        guard let registration = call.registration else { return }
        switch registration.handler {
        case .inline(let body):
            do throws(GRPCStatus) {
                finish(call, try body(message, context(of: call, registration)))
            } catch {
                answer(call, error)
            }
        case .async(let body):
            let context = context(of: call, registration)
            let copy = ByteBuffer(bytes: message.readableBytesView)
            startTask(of: call) { bound in
                let result: Result<ByteBuffer, GRPCStatus>
                do { result = .success(try await body(copy, context)) } catch { result = .failure(GRPCStatus(error)) }
                return {
                    switch result {
                    case .success(let reply): bound.value.connection?.finish(bound.value, reply)
                    case .failure(let status): bound.value.connection?.answer(bound.value, status)
                    }
                }
            }
        case .streaming:
            // Started by the headers.
            break
        }
    }

    private func startStreaming(_ call: ServerCall, _ body: @escaping GRPCHandlerTable.Streaming) {
        guard let registration = call.registration else { return }
        let bound = NIOLoopBound(call, eventLoop: eventLoop)
        let eventLoop = eventLoop
        let inbound = InboundMessageQueue {
            eventLoop.execute {
                guard let connection = bound.value.connection, bound.value.inbound != nil else { return }
                connection.creditHeld(bound.value)
                connection.handler?.outputAdded()
            }
        }
        call.inbound = inbound
        let context = context(of: call, registration)
        let writer = GRPCOutboundWriter { operation in
            eventLoop.execute { bound.value.perform(operation) }
        }
        startTask(of: call) { bound in
            let status: GRPCStatus
            do {
                try await body(GRPCInboundStream(queue: inbound), writer, context)
                status = GRPCStatus(.ok, "")
            } catch {
                status = GRPCStatus(error)
            }
            return { bound.value.connection?.answer(bound.value, status) }
        }
    }

    /// Runs `body` in a task of the call, and what it returns on the event loop.
    private func startTask(
        of call: ServerCall, _ body: @escaping @Sendable (NIOLoopBound<ServerCall>) async -> @Sendable () -> Void
    ) {
        guard server.enterHandler() else {
            answer(call, GRPCStatus(.resourceExhausted, "too many calls are running"))
            return
        }
        let bound = NIOLoopBound(call, eventLoop: eventLoop)
        call.task = Task { [server, eventLoop] in
            let completion = await body(bound)
            server.leaveHandler()
            eventLoop.execute(completion)
        }
    }
}

// MARK: - What is sent

extension ServerConnection {
    private func finish(_ call: ServerCall, _ reply: ByteBuffer) {
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
    fileprivate func answer(_ call: ServerCall, _ status: GRPCStatus) {
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

    private func refuse(_ call: ServerCall, status: GRPCStatus, httpStatus: String) {
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

    private func finishWrites(of call: ServerCall, _ error: GRPCStatus?) {
        let tickets = call.waitingWrites
        call.waitingWrites.removeAll()
        for ticket in tickets { ticket.finish(error) }
    }

    /// Stops what works for the call.
    private func release(_ call: ServerCall, _ reason: GRPCStatus) {
        call.isAnswered = true
        call.timer?.cancel()
        call.message = nil
        call.inbound?.abort(reason)
        call.task?.cancel()
        finishWrites(of: call, reason)
    }

    private func failCalls(_ reason: GRPCStatus) {
        for case let call? in calls { answer(call, reason) }
    }
}
