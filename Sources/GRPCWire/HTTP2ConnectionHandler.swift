// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// The side of a connection that knows about calls. All on the connection's event loop, never with nghttp2 on the stack.
package protocol HTTP2Calls: AnyObject {
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
    /// Appends the next `count` octets of a body that the caller of the session keeps.
    func takeBody(_ stream: HTTP2Session.StreamID, _ count: Int, into output: inout HTTP2Output)
    /// Output was framed: writers that wait may go on.
    func outputAdvanced()
    /// The connection is gone, and every stream with it. Called once.
    func connectionEnded(_ reason: GRPCStatus)
}

extension HTTP2Calls {
    package func takeBody(_ stream: HTTP2Session.StreamID, _ count: Int, into output: inout HTTP2Output) {
        preconditionFailure("takeBody: no body of this connection is kept by the caller of the session")
    }
}

/// Carries an ``HTTP2Session`` on a channel: feeds it, dispatches its events, writes its output in pieces of some 64 KiB while the
/// channel is writable, and closes the channel when the session is over.
package final class HTTP2ConnectionHandler: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = Never
    package typealias OutboundIn = Never
    package typealias OutboundOut = ByteBuffer

    private static let writeSize = 64 * 1024
    /// So much is written before the loop's other channels have their turn: an answer of some megabytes would hold them up.
    private static let passSize = 256 * 1024
    private static let closeLimit = TimeAmount.seconds(10)
    private static let passPause = TimeAmount.microseconds(100)
    /// Input is fed in pieces, so that what one piece can expand to (header compression) stays small.
    private static let feedSize = 16 * 1024

    /// What is read of a peer that does not take what we send. One side of a connection at most may read less than all.
    package enum Reading {
        case always
        /// Nothing while the channel is not writable.
        case whileWritable
        /// Nothing while the channel is not writable and many frames wait beside those of bodies: a peer that makes us answer
        /// is held back, one whose download is slow is not.
        case unlessFlooded
    }

    private static let floodedFrames = 1024

    package let session: HTTP2Session
    package let calls: any HTTP2Calls
    private let reading: Reading
    private let joinsOutput: Bool
    private var context: ChannelHandlerContext?
    private var outputBuffer = ByteBuffer()
    private var hasStarted = false
    private var hasEnded = false
    private var isClosing = false
    private var wantsClose = false
    private var closeTimer: Scheduled<Void>?
    private var isPumping = false
    private var isReading = false
    private var needsPump = false
    private var isPumpScheduled = false
    private var readIsHeld = false

    /// - Parameter joinsOutput: Bodies that the caller keeps are copied into one buffer with the frames around them, as TLS below
    ///   wants it; otherwise large pieces are written as they are.
    package init(session: HTTP2Session, calls: any HTTP2Calls, reading: Reading, joinsOutput: Bool = true) {
        self.session = session
        self.calls = calls
        self.reading = reading
        self.joinsOutput = joinsOutput
    }

    // MARK: For the calls

    /// Something was submitted to the session: send it at the end of this read, or soon.
    package func outputAdded() {
        needsPump = true
        guard !isReading, !isPumping, !isPumpScheduled, let context else { return }
        isPumpScheduled = true
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute {
            bound.value.isPumpScheduled = false
            bound.value.pump()
        }
    }

    /// Sends what is queued, then closes; closes all the same when the peer does not take it for ten seconds.
    package func closeAfterOutput() {
        wantsClose = true
        outputAdded()
        guard closeTimer == nil, let context else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        closeTimer = context.eventLoop.scheduleTask(in: Self.closeLimit) {
            bound.value.closeNow(GRPCStatus(.unavailable, "http/2: the peer did not take what was left for it"))
        }
    }

    package func closeNow(_ reason: GRPCStatus) {
        end(reason)
        context?.close(promise: nil)
    }

    // MARK: Channel events

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { start() }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        closeTimer?.cancel()
        end(GRPCStatus(.unavailable, "http/2: the connection was taken away"))
        self.context = nil
    }

    package func channelActive(context: ChannelHandlerContext) {
        start()
        context.fireChannelActive()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        closeTimer?.cancel()
        end(GRPCStatus(.unavailable, "http/2: the connection was closed"))
        context.fireChannelInactive()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // A peer that ends its half of the connection has left: HTTP/2 ends streams, not connections.
        if case .inputClosed? = event as? ChannelEvent {
            closeNow(GRPCStatus(.unavailable, "http/2: the connection was closed"))
        }
        context.fireUserInboundEventTriggered(event)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        closeNow(GRPCStatus(.unavailable, "http/2: connection error: \(error)"))
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
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

    package func channelReadComplete(context: ChannelHandlerContext) {
        pump()
        context.fireChannelReadComplete()
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        pump()
        if readIsHeld && context.channel.isWritable {
            readIsHeld = false
            context.read()
        }
        context.fireChannelWritabilityChanged()
    }

    package func read(context: ChannelHandlerContext) {
        if mayRead(context) || hasEnded {
            context.read()
        } else {
            readIsHeld = true
        }
    }

    private func mayRead(_ context: ChannelHandlerContext) -> Bool {
        switch reading {
        case .always: true
        case .whileWritable: context.channel.isWritable
        case .unlessFlooded: context.channel.isWritable || session.queuedFrames < Self.floodedFrames
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
                let count = writeOutput(context)
                dispatch(input: nil)
                if count > 0 {
                    calls.outputAdvanced()
                    written += count
                }
                isDrained = count < Self.writeSize - HTTP2Session.outputSlack && !needsPump
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

    /// Writes the output with the bodies in it; gives its length.
    private func writeOutput(_ context: ChannelHandlerContext) -> Int {
        let count = outputBuffer.readableBytes
        guard count > 0 else { return 0 }
        guard session.spliceCount > 0 else {
            context.writeAndFlush(wrapOutboundOut(outputBuffer), promise: nil)
            return count
        }
        var output = HTTP2Output(joinsAll: joinsOutput)
        let total = output.gather(outputBuffer, session, calls)
        output.forEachPart { context.write(wrapOutboundOut($0), promise: nil) }
        context.flush()
        return total
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
