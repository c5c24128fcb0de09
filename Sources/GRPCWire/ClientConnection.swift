// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// The calls of one connection to a server. On the connection's event loop.
final class ClientConnection {
    private let configuration: GRPCClientConfiguration
    private let authority: String
    private let eventLoop: any EventLoop
    private let session: HTTP2Session
    private var handler: HTTP2ConnectionHandler?
    private var calls: [ClientCall?] = []
    private var waitingWriters: [ClientCall] = []
    private var handshakeTimer: Scheduled<Void>?
    private var hasSettings = false
    private var hasEnded = false
    private var isClosing = false
    private var onUnusable: ((ClientConnection) -> Void)?
    private var onRefused: ((ClientCall) -> Void)?

    private init(
        configuration: GRPCClientConfiguration, authority: String, eventLoop: any EventLoop, session: HTTP2Session
    ) {
        self.configuration = configuration
        self.authority = authority
        self.eventLoop = eventLoop
        self.session = session
    }

    /// Adds the connection's handler to the channel. On the event loop, `onUnusable` is called once, when no further call may be
    /// started, and `onRefused` with calls that the server has not looked at and that may be started anew; without it they
    /// end.
    static func add(
        to channel: any Channel, configuration: GRPCClientConfiguration, authority: String,
        onRefused: ((ClientCall) -> Void)? = nil, onUnusable: @escaping (ClientConnection) -> Void
    ) throws {
        let session = try HTTP2Session(
            options: HTTP2Session.Options(
                isServer: false, maxHeaderListSize: configuration.maxHeaderListSize,
                streamWindow: configuration.streamWindow, connectionWindow: configuration.connectionWindow))
        let connection = ClientConnection(
            configuration: configuration, authority: authority, eventLoop: channel.eventLoop, session: session)
        let handler = HTTP2ConnectionHandler(session: session, calls: connection, reading: .always)
        connection.handler = handler
        connection.onUnusable = onUnusable
        connection.onRefused = onRefused
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    /// The connection that ``add(to:configuration:authority:onUnusable:)`` made of the channel; nil when it is gone already.
    static func of(_ channel: any Channel) -> ClientConnection? {
        guard channel.isActive,
            let handler = try? channel.pipeline.syncOperations.handler(type: HTTP2ConnectionHandler.self)
        else { return nil }
        guard let connection = handler.calls as? ClientConnection, !connection.hasEnded, !connection.isClosing else {
            return nil
        }
        return connection
    }

    /// Sends the call's headers and what was written for it.
    func start(_ call: ClientCall) {
        guard !call.isEnded else { return }
        guard !hasEnded, !isClosing else {
            call.end(GRPCStatus(.unavailable, "the connection to \(authority) was closed"))
            return
        }
        var block = HeaderBlock()
        block.append(":method", "POST")
        block.append(":scheme", "http")
        block.append(":path", call.path)
        block.append(":authority", authority)
        block.append("content-type", "application/grpc")
        block.append("te", "trailers")
        block.append("user-agent", configuration.userAgent)
        block.append("grpc-accept-encoding", "identity,gzip")
        if configuration.compressesRequests { block.append("grpc-encoding", "gzip") }
        if let timeout = call.timeout { block.append("grpc-timeout", GRPCTimeout.encode(timeout)) }
        block.append(call.metadata)
        guard block.bytes.count <= HeaderBlock.sizeLimit else {
            call.end(GRPCStatus(.resourceExhausted, "request metadata is larger than max (\(block.bytes.count))"))
            return
        }
        do throws(GRPCStatus) {
            let stream = try session.request(block)
            call.stream = stream
            call.connection = self
            let slot = Int(stream.slot)
            while calls.count <= slot { calls.append(nil) }
            calls[slot] = call
        } catch {
            retire()
            refused(call, error)
            return
        }
        let backlog = call.backlog
        call.backlog.removeAll()
        for (message, ticket) in backlog { write(message, of: call, ticket) }
        if call.isHalfClosed { finishWriting(of: call) }
        handler?.outputAdded()
    }

    func write(_ message: ByteBuffer, of call: ClientCall, _ ticket: WriteTicket) {
        guard let stream = call.stream else { return }
        call.keep(message)
        if configuration.compressesRequests, message.readableBytes >= configuration.minCompressedSize,
            let compressed = Gzip.compress(message)
        {
            session.write(stream, compressed, compressed: true)
        } else {
            session.write(stream, message, compressed: false)
        }
        handler?.outputAdded()
        if session.pendingBytes(stream) <= ServerConnection.writeHighWater {
            ticket.finish()
        } else {
            if call.waitingWrites.isEmpty { waitingWriters.append(call) }
            call.waitingWrites.append(ticket)
        }
    }

    func finishWriting(of call: ClientCall) {
        guard let stream = call.stream else { return }
        session.finish(stream)
        handler?.outputAdded()
    }

    func reset(_ call: ClientCall) {
        guard let stream = call.stream else { return }
        session.reset(stream, code: HTTP2Session.ErrorCode.cancel)
        handler?.outputAdded()
    }

    func creditHeld(_ call: ClientCall) {
        guard call.heldCredit > 0, let stream = call.stream else { return }
        session.creditStream(stream, call.heldCredit)
        call.heldCredit = 0
        handler?.outputAdded()
    }

    /// Fails what runs and closes.
    func close() {
        isClosing = true
        for case let call? in calls { call.cancel(GRPCStatus(.cancelled, "the client was closed")) }
        session.submitGoAway()
        handler?.closeAfterOutput()
    }

    private func call(_ stream: HTTP2Session.StreamID) -> ClientCall? {
        guard stream.slot < calls.count, let call = calls[Int(stream.slot)], call.stream == stream else { return nil }
        return call
    }

    private func retire() {
        onUnusable?(self)
        onUnusable = nil
    }
}

extension ClientConnection: HTTP2Calls {
    func connectionStarted() {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        handshakeTimer = eventLoop.scheduleTask(in: configuration.handshakeTimeout) {
            bound.value.handler?.closeNow(
                GRPCStatus(.unavailable, "http/2: \(bound.value.authority) sent no settings in time"))
        }
    }

    func settingsReceived() {
        hasSettings = true
        handshakeTimer?.cancel()
        handshakeTimer = nil
    }

    func pingAcknowledged() {}

    func goAwayReceived() {
        retire()
        isClosing = true
        closeWhenDone()
    }

    func headersReceived(_ stream: HTTP2Session.StreamID, _ block: UnsafeRawBufferPointer, isTrailers: Bool) {
        guard let call = call(stream), !call.isEnded else { return }
        var fields = HeaderBlock()
        fields.replace(with: block)
        if let status = fields.status {
            endWithStatus(call, status)
            return
        }
        // Informational responses come before the real one; trailers without a status say nothing.
        guard let httpStatus = fields.value(HeaderBlock.Field.status), !httpStatus.hasPrefix("1") else { return }
        guard httpStatus == "200" else {
            fail(call, Self.status(http: httpStatus))
            return
        }
        guard let contentType = fields.value(HeaderBlock.Field.contentType),
            Array(contentType.utf8).withUnsafeBytes(RequestHeaders.isGRPC)
        else {
            fail(call, GRPCStatus(.unknown, "malformed header: missing HTTP content-type"))
            return
        }
        call.hasHeaders = true
        call.commit()
        fields.forEach { token, _, value in
            if token == HeaderBlock.Field.grpcEncoding {
                call.decoder.compression = RequestHeaders.compression(value)
            }
        }
    }

    func dataReceived(_ stream: HTTP2Session.StreamID, _ data: ByteBuffer, isLast: Bool) {
        session.creditConnection(data.readableBytes)
        guard let call = call(stream), !call.isEnded, call.hasHeaders else {
            session.creditStream(stream, data.readableBytes)
            return
        }
        call.heldCredit += data.readableBytes
        call.decoder.append(data)
        do throws(GRPCStatus) {
            var mayContinue = call.inbound?.isHeld != true
            while let message = try call.decoder.next() {
                mayContinue = call.inbound?.push(ByteBuffer(bytes: message.readableBytesView)) ?? true
            }
            call.decoder.settle()
            if mayContinue { creditHeld(call) }
        } catch {
            fail(call, error)
        }
    }

    func endReceived(_ stream: HTTP2Session.StreamID) {
        guard let call = call(stream), !call.isEnded else { return }
        fail(call, GRPCStatus(.internal, "server closed the stream without sending trailers"))
    }

    func streamClosed(_ stream: HTTP2Session.StreamID, code: UInt32) {
        guard let call = call(stream) else { return }
        calls[Int(stream.slot)] = nil
        let status = Self.status(reset: code)
        if code == HTTP2Session.ErrorCode.refusedStream { refused(call, status) } else { call.end(status) }
        closeWhenDone()
    }

    /// The server has not processed the call: it refused the stream, or said with GOAWAY that it takes no more of them, maybe while the
    /// call was on its way (RFC 9113 section 8.7). As gRPC has it, the call is made once more before anybody is told.
    private func refused(_ call: ClientCall, _ status: GRPCStatus) {
        if let onRefused, call.rewind() { onRefused(call) } else { call.end(status) }
    }

    func readCompleted() {}

    func outputAdvanced() {
        guard !waitingWriters.isEmpty else { return }
        waitingWriters.removeAll { call in
            guard !call.isEnded, let stream = call.stream,
                session.pendingBytes(stream) > ServerConnection.writeLowWater
            else {
                let tickets = call.waitingWrites
                call.waitingWrites.removeAll()
                for ticket in tickets { ticket.finish() }
                return true
            }
            return false
        }
    }

    func connectionEnded(_ reason: GRPCStatus) {
        hasEnded = true
        handshakeTimer?.cancel()
        handler = nil
        retire()
        let failed = calls
        calls.removeAll()
        for case let call? in failed {
            call.end(GRPCStatus(.unavailable, "the connection to \(authority) failed: \(reason.message)"))
        }
    }

    private func endWithStatus(_ call: ClientCall, _ status: GRPCStatus) {
        guard status.code != .ok || call.decoder.bufferedBytes == 0 else {
            fail(call, GRPCStatus(.internal, "unexpected EOF"))
            return
        }
        call.end(status)
    }

    /// Ends the call for what the server sent, and tells it to stop.
    private func fail(_ call: ClientCall, _ status: GRPCStatus) {
        reset(call)
        call.end(status)
    }

    private func closeWhenDone() {
        if isClosing, calls.allSatisfy({ $0 == nil }) { handler?.closeAfterOutput() }
    }

    private static func status(http status: String) -> GRPCStatus {
        let code: GRPCStatus.Code =
            switch status {
            case "400": .internal
            case "401": .unauthenticated
            case "403": .permissionDenied
            case "404": .unimplemented
            case "429", "502", "503", "504": .unavailable
            default: .unknown
            }
        return GRPCStatus(code, "unexpected HTTP status code received from server: \(status)")
    }

    private static func status(reset code: UInt32) -> GRPCStatus {
        let names = [
            "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
            "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
        ]
        let name = code < names.count ? names[Int(code)] : String(code)
        let status: GRPCStatus.Code =
            switch code {
            case HTTP2Session.ErrorCode.refusedStream: .unavailable
            case HTTP2Session.ErrorCode.cancel: .cancelled
            case 11: .resourceExhausted
            case 12: .permissionDenied
            default: .internal
            }
        return GRPCStatus(status, "stream terminated by RST_STREAM with error code: \(name)")
    }
}
