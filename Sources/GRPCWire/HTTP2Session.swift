// SPDX-License-Identifier: Apache-2.0
import CNGHTTP2
import NIOCore

/// The protocol state of one HTTP/2 connection: octets in, events and octets out. No sockets, timers or threads of its own.
///
/// Used on the connection's event loop only. Events are read after ``receive(_:)`` or ``output(into:limit:)`` returned; no code of
/// the caller runs inside nghttp2. Freeing the session fires no events.
package final class HTTP2Session {
    /// Names a stream. Slots are small and reused; the pair is not.
    package struct StreamID: Hashable, Sendable {
        package var slot: UInt32
        package var number: Int32
    }

    package enum ErrorCode {
        package static let noError: UInt32 = 0
        package static let `internal`: UInt32 = 2
        package static let refusedStream: UInt32 = 7
        package static let cancel: UInt32 = 8
    }

    package struct Options {
        package var isServer: Bool
        /// Announced by a server; streams above it are refused.
        package var maxConcurrentStreams = 100
        /// In octets, as RFC 9113, section 6.5.2 counts them. A larger list resets its stream.
        package var maxHeaderListSize: Int
        package var streamWindow: Int
        package var connectionWindow: Int
        /// How many streams a client may reset at once, and each second after that, before its connection is ended; nil = as
        /// many as nghttp2 allows, which is 1000 and 33.
        package var resets: (burst: Int, perSecond: Int)?

        package init(isServer: Bool, maxHeaderListSize: Int, streamWindow: Int, connectionWindow: Int) {
            self.isServer = isServer
            self.maxHeaderListSize = maxHeaderListSize
            self.streamWindow = streamWindow
            self.connectionWindow = connectionWindow
        }
    }

    enum Event {
        /// A complete header block; the octets are valid until ``clearEvents()``.
        case headers(StreamID, UnsafeRawBufferPointer, isTrailers: Bool)
        /// A range of what the last ``receive(_:)`` was given. `isLast`: the frame half-closes the stream; the event follows.
        case data(StreamID, offset: Int, count: Int, isLast: Bool)
        /// The peer has half-closed.
        case end(StreamID)
        /// The stream's last event, with its HTTP/2 error code.
        case closed(StreamID, code: UInt32)
        case goAway(code: UInt32)
        case pingAcknowledged
        case settings
    }

    private let session: OpaquePointer

    package init(options: Options) throws(GRPCStatus) {
        var plain = cnghttp2_options(
            is_server: options.isServer ? 1 : 0,
            max_concurrent_streams: UInt32(clamping: options.maxConcurrentStreams),
            max_header_list_size: UInt32(clamping: options.maxHeaderListSize),
            stream_window: UInt32(clamping: min(options.streamWindow, Int(Int32.max))),
            connection_window: UInt32(clamping: min(options.connectionWindow, Int(Int32.max))),
            reset_burst: UInt32(clamping: options.resets?.burst ?? 0),
            reset_rate: UInt32(clamping: options.resets?.perSecond ?? 0))
        guard let session = cnghttp2_session_new(&plain) else {
            throw GRPCStatus(.resourceExhausted, "http/2: no memory for a session")
        }
        self.session = session
    }

    deinit {
        cnghttp2_session_free(session)
    }

    /// An error means that the connection must be dropped; what was received before it is among the events.
    func receive(_ bytes: UnsafeRawBufferPointer) throws(GRPCStatus) {
        let code = cnghttp2_receive(session, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
        if code < 0 { throw Self.failure(code) }
    }

    /// Appends queued output, at most `limit` octets together with the bodies that the caller keeps: ``splice(at:)`` tells where
    /// those belong.
    func output(into buffer: inout ByteBuffer, limit: Int) throws(GRPCStatus) {
        var code = 0
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: limit) { bytes in
            code = cnghttp2_send(session, bytes.bindMemory(to: UInt8.self).baseAddress, min(limit, bytes.count))
            return max(code, 0)
        }
        if code < 0 { throw Self.failure(Int32(truncatingIfNeeded: code)) }
    }

    /// Output that is this much shorter than its limit, or less, is cut.
    static var outputSlack: Int { Int(CNGHTTP2_FRAME_HEADER) }

    /// False when the connection has nothing more to do: close it after the last write.
    var isAlive: Bool { cnghttp2_wants_read(session) != 0 || cnghttp2_wants_write(session) != 0 }

    /// Frames are ready to be sent, or will be when the peer allows.
    package var wantsOutput: Bool { cnghttp2_wants_write(session) != 0 }

    /// Frames that wait to be sent, without those of bodies.
    var queuedFrames: Int { cnghttp2_queued_frames(session) }

    /// How many streams the peer takes at a time; known once its settings have come.
    package var peerStreamLimit: Int { Int(cnghttp2_peer_stream_limit(session)) }

    // MARK: Splices

    /// Octets of a body that the caller keeps, and the place in the last output in front of which they belong.
    struct Splice {
        var stream: StreamID
        var offset: Int
        var count: Int
    }

    /// Of the last output.
    var spliceCount: Int { cnghttp2_splice_count(session) }

    func splice(at index: Int) -> Splice {
        let splice = cnghttp2_splice_at(session, index)
        return Splice(
            stream: StreamID(slot: splice.slot, number: splice.stream_id), offset: Int(splice.offset),
            count: Int(splice.length))
    }

    // MARK: Events

    var eventCount: Int { cnghttp2_event_count(session) }

    /// Nil for an index that is out of range.
    func event(at index: Int) -> Event? {
        let event = cnghttp2_event_at(session, index)
        let stream = StreamID(slot: event.slot, number: event.stream_id)
        switch cnghttp2_event_kind(rawValue: event.kind) {
        case CNGHTTP2_EVENT_HEADERS:
            return .headers(stream, block(of: event), isTrailers: event.is_trailers != 0)
        case CNGHTTP2_EVENT_DATA:
            return .data(stream, offset: Int(event.offset), count: Int(event.length), isLast: event.ends_stream != 0)
        case CNGHTTP2_EVENT_END_STREAM: return .end(stream)
        case CNGHTTP2_EVENT_CLOSED: return .closed(stream, code: event.code)
        case CNGHTTP2_EVENT_GOAWAY: return .goAway(code: event.code)
        case CNGHTTP2_EVENT_PING_ACK: return .pingAcknowledged
        case CNGHTTP2_EVENT_SETTINGS: return .settings
        default: return nil
        }
    }

    private func block(of event: cnghttp2_event) -> UnsafeRawBufferPointer {
        guard event.length > 0, let blocks = cnghttp2_blocks(session) else {
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        return UnsafeRawBufferPointer(start: blocks + Int(event.offset), count: Int(event.length))
    }

    func clearEvents() { cnghttp2_clear_events(session) }

    // MARK: Output. Streams that have ended are ignored; the event of their end tells the caller.

    func respondUnary(_ stream: StreamID, _ message: ByteBuffer, compressed: Bool) {
        message.withUnsafeReadableBytes { bytes in
            _ = cnghttp2_respond_unary(
                session, stream.slot, stream.number, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count,
                compressed ? 1 : 0)
        }
    }

    /// - Parameter keepsBody: The body is told by ``offer(_:_:)`` and taken by ``HTTP2Calls/takeBody(_:_:into:)``, and the peer may go
    ///   on sending when it has ended.
    package func respond(_ stream: StreamID, _ block: HeaderBlock, endStream: Bool, keepsBody: Bool = false) {
        block.bytes.withUnsafeBufferPointer { bytes in
            _ =
                endStream
                ? cnghttp2_respond_headers_only(session, stream.slot, stream.number, bytes.baseAddress, bytes.count)
                : cnghttp2_respond(
                    session, stream.slot, stream.number, bytes.baseAddress, bytes.count, keepsBody ? 1 : 0)
        }
    }

    /// - Parameter keepsBody: As in ``respond(_:_:endStream:keepsBody:)``.
    package func request(_ block: HeaderBlock, keepsBody: Bool = false) throws(GRPCStatus) -> StreamID {
        var slot: UInt32 = 0
        let number = block.bytes.withUnsafeBufferPointer { bytes in
            cnghttp2_request(session, bytes.baseAddress, bytes.count, keepsBody ? 1 : 0, &slot)
        }
        guard number > 0 else { throw Self.failure(number) }
        return StreamID(slot: slot, number: number)
    }

    func write(_ stream: StreamID, _ message: ByteBuffer, compressed: Bool) {
        message.withUnsafeReadableBytes { bytes in
            _ = cnghttp2_write(
                session, stream.slot, stream.number, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count,
                compressed ? 1 : 0)
        }
    }

    /// So many octets more of a body that the caller keeps may be sent.
    package func offer(_ stream: StreamID, _ count: Int) {
        _ = cnghttp2_offer(session, stream.slot, stream.number, count)
    }

    package func finish(_ stream: StreamID, trailers: HeaderBlock = HeaderBlock()) {
        trailers.bytes.withUnsafeBufferPointer { bytes in
            _ = cnghttp2_finish(session, stream.slot, stream.number, bytes.baseAddress, bytes.count)
        }
    }

    /// Nothing more is wanted of the peer: it is told to stop, unless it has ended, once our side has.
    package func release(_ stream: StreamID) { _ = cnghttp2_release(session, stream.slot, stream.number) }

    /// Octets that were written or offered, and not yet framed.
    func pendingBytes(_ stream: StreamID) -> Int { cnghttp2_pending(session, stream.slot, stream.number) }

    package func reset(_ stream: StreamID, code: UInt32) { _ = cnghttp2_reset(session, stream.number, code) }

    package func creditStream(_ stream: StreamID, _ count: Int) {
        _ = cnghttp2_consume_stream(session, stream.number, count)
    }

    package func creditConnection(_ count: Int) { _ = cnghttp2_consume_connection(session, count) }

    /// The answer is an event.
    package func submitPing() { _ = cnghttp2_submit_ping(session) }

    func submitShutdownNotice() { _ = cnghttp2_submit_shutdown_notice(session) }

    package func submitGoAway(code: UInt32 = ErrorCode.noError) { _ = cnghttp2_submit_goaway(session, code) }

    private static func failure(_ code: Int32) -> GRPCStatus {
        GRPCStatus(.unavailable, "http/2: \(String(cString: cnghttp2_strerror(code)).lowercased())")
    }
}
