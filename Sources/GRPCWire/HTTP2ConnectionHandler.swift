// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// The side of a connection that knows about calls. All on the connection's event loop, never with nghttp2 on the stack.
protocol HTTP2Calls: AnyObject {
    /// The channel is active; the connection may be used from now on.
    func connectionStarted()
    func headersReceived(_ stream: HTTP2Session.StreamID, _ block: UnsafeRawBufferPointer, isTrailers: Bool)
    /// Every octet must be credited to stream and connection in the end. `isLast`: ``endReceived(_:)`` follows with the frame's end.
    func dataReceived(_ stream: HTTP2Session.StreamID, _ data: ByteBuffer, isLast: Bool)
    func endReceived(_ stream: HTTP2Session.StreamID)
    /// The last event of the stream.
    func streamClosed(_ stream: HTTP2Session.StreamID, code: UInt32)
    func settingsReceived()
    func pingAcknowledged()
    func goAwayReceived()
    /// All that came with one read has been dispatched.
    func readCompleted()
    /// Output was framed: writers that wait may go on.
    func outputAdvanced()
    /// The connection is gone, and every stream with it. Called once.
    func connectionEnded(_ reason: GRPCStatus)
}

/// Carries an ``HTTP2Session`` on a channel: feeds it, dispatches its events, writes its output in pieces of some 64 KiB while the
/// channel is writable, and closes the channel when the session is over.
final class HTTP2ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    private static let writeSize = 64 * 1024
    /// So much is written before the loop's other channels have their turn: an answer of some megabytes would hold them up.
    private static let passSize = 256 * 1024
    private static let passPause = TimeAmount.microseconds(100)
    /// Input is fed in pieces, so that what one piece can expand to (header compression) stays small.
    private static let feedSize = 16 * 1024

    let session: HTTP2Session
    let calls: any HTTP2Calls
    private let holdsReads: Bool
    private var context: ChannelHandlerContext?
    private var outputBuffer = ByteBuffer()
    private var hasStarted = false
    private var hasEnded = false
    private var isClosing = false
    private var wantsClose = false
    private var isPumping = false
    private var isReading = false
    private var needsPump = false
    private var isPumpScheduled = false
    private var readIsHeld = false

    /// `holdsReads`: take nothing from the peer while it does not take what we send. One side of a connection at most may do that.
    init(session: HTTP2Session, calls: any HTTP2Calls, holdsReads: Bool) {
        self.session = session
        self.calls = calls
        self.holdsReads = holdsReads
    }

    // MARK: For the calls

    /// Something was submitted to the session: send it at the end of this read, or soon.
    func outputAdded() {
        needsPump = true
        guard !isReading, !isPumping, !isPumpScheduled, let context else { return }
        isPumpScheduled = true
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute {
            bound.value.isPumpScheduled = false
            bound.value.pump()
        }
    }

    /// Sends what is queued, then closes.
    func closeAfterOutput() {
        wantsClose = true
        outputAdded()
    }

    func closeNow(_ reason: GRPCStatus) {
        end(reason)
        context?.close(promise: nil)
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { start() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end(GRPCStatus(.unavailable, "http/2: the connection was taken away"))
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        start()
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(GRPCStatus(.unavailable, "http/2: the connection was closed"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        closeNow(GRPCStatus(.unavailable, "http/2: connection error: \(error)"))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        guard !hasEnded, !isClosing else { return }
        isReading = true
        var offset = 0
        while offset < buffer.readableBytes && !hasEnded {
            let count = min(Self.feedSize, buffer.readableBytes - offset)
            guard let piece = buffer.getSlice(at: buffer.readerIndex + offset, length: count) else { break }
            offset += count
            do throws(GRPCStatus) {
                var failure: GRPCStatus?
                piece.withUnsafeReadableBytes { bytes in
                    do throws(GRPCStatus) { try session.receive(bytes) } catch { failure = error }
                }
                dispatch(input: piece)
                if let failure { throw failure }
            } catch {
                isReading = false
                closeNow(error)
                return
            }
        }
        calls.readCompleted()
        isReading = false
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        pump()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        pump()
        if readIsHeld && context.channel.isWritable {
            readIsHeld = false
            context.read()
        }
        context.fireChannelWritabilityChanged()
    }

    func read(context: ChannelHandlerContext) {
        if holdsReads && !context.channel.isWritable && !hasEnded {
            readIsHeld = true
        } else {
            context.read()
        }
    }

    // MARK: Inside

    private func start() {
        guard !hasStarted else { return }
        hasStarted = true
        calls.connectionStarted()
        pump()
    }

    private func end(_ reason: GRPCStatus) {
        guard !hasEnded else { return }
        hasEnded = true
        isClosing = true
        calls.connectionEnded(reason)
    }

    private func pump() {
        guard !isPumping, !isReading, !isClosing, hasStarted, let context else { return }
        isPumping = true
        defer { isPumping = false }
        var isDrained = false
        var written = 0
        do throws(GRPCStatus) {
            while !isDrained && context.channel.isWritable && !isClosing && written < Self.passSize {
                needsPump = false
                outputBuffer.clear(minimumCapacity: Self.writeSize)
                try session.output(into: &outputBuffer, limit: Self.writeSize)
                dispatch(input: nil)
                let count = outputBuffer.readableBytes
                if count > 0 {
                    context.writeAndFlush(wrapOutboundOut(outputBuffer), promise: nil)
                    calls.outputAdvanced()
                    written += count
                }
                isDrained = count < Self.writeSize && !needsPump
            }
        } catch {
            closeNow(error)
            return
        }
        if !isDrained && !isClosing && context.channel.isWritable { pumpLater(context) }
        if !isClosing && (!session.isAlive || wantsClose && isDrained) {
            isClosing = true
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in bound.value.close(promise: nil) }
        }
    }

    /// Goes on after other channels of the loop had their turn. (A task without a delay would run in the same turn.)
    private func pumpLater(_ context: ChannelHandlerContext) {
        guard !isPumpScheduled else { return }
        isPumpScheduled = true
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.passPause) {
            bound.value.isPumpScheduled = false
            bound.value.pump()
        }
    }

    private func dispatch(input: ByteBuffer?) {
        let count = session.eventCount
        guard count > 0 else { return }
        for index in 0..<count where !hasEnded {
            switch session.event(at: index) {
            case .headers(let stream, let block, let isTrailers):
                calls.headersReceived(stream, block, isTrailers: isTrailers)
            case .data(let stream, let offset, let count, let isLast):
                guard let data = input?.getSlice(at: (input?.readerIndex ?? 0) + offset, length: count) else {
                    continue
                }
                calls.dataReceived(stream, data, isLast: isLast)
            case .end(let stream): calls.endReceived(stream)
            case .closed(let stream, let code): calls.streamClosed(stream, code: code)
            case .settings: calls.settingsReceived()
            case .pingAcknowledged: calls.pingAcknowledged()
            case .goAway: calls.goAwayReceived()
            case nil: break
            }
        }
        session.clearEvents()
    }
}
