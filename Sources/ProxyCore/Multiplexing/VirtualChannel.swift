// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// A channel without a socket: one of many streams inside a connection. What its handlers write goes to a carrier, what the
/// carrier receives for it goes to its handlers, with a socket's rules for `autoRead`, writability and half-closure, so that
/// handlers made for sockets work on it unchanged.
///
/// * A write is complete when the carrier has taken it, an empty one when everything before it is sent; writability counts
///   what the carrier has not reported as sent.
/// * Received bytes are delivered at once while a read is asked for, else kept, and `queuedBytes` tells the carrier how many.
/// * Closing the output completes when everything written is sent; closing everything drops what is not.
/// * Options: `autoRead`, `allowRemoteHalfClosure`, `writeBufferWaterMark`; `recvAllocator` has no effect.
///
/// Confined to its event loop. Costs 0.9 KiB with one small handler, and no timer.
package final class VirtualChannel: Channel, ChannelCore, @unchecked Sendable {  // confined to `eventLoop`
    private enum Life {
        case new
        case active
        case closed
    }

    private static let smallestKept = 4096

    package let eventLoop: any EventLoop
    package let parent: (any Channel)?
    package let localAddress: SocketAddress?
    package let remoteAddress: SocketAddress?
    package private(set) var isWritable = true
    /// Bytes that were received and are kept because no read was asked for.
    package private(set) var queuedBytes = 0

    private var carrier: (any VirtualChannelCarrier)?
    private var handlers: ChannelPipeline?
    private let closePromise: EventLoopPromise<Void>
    private var life = Life.new

    private var received = CircularBuffer<ByteBuffer>(initialCapacity: 0)
    private var readIsWanted = false
    private var deliveryIsDue = false
    /// Between the first delivery and the `channelReadComplete` that ends the turn.
    private var isDelivering = false
    private var sawEnd = false
    private var inputEnded = false

    private var unsentBytes = 0
    private var outputEnded = false
    private var outputPromise: EventLoopPromise<Void>?
    /// Of empty writes, which stand for everything before them.
    private var sentPromises: [EventLoopPromise<Void>] = []

    private var autoRead = true
    private var allowsHalfClosure = false
    private var waterMark = StreamSockets.waterMark

    /// - Parameters:
    ///   - carrier: Kept until the channel closes.
    ///   - parent: The channel of the connection that carries this one; gives the addresses where none are named.
    package init(
        carrier: any VirtualChannelCarrier, parent: any Channel, localAddress: SocketAddress? = nil,
        remoteAddress: SocketAddress? = nil
    ) {
        self.carrier = carrier
        self.parent = parent
        self.localAddress = localAddress ?? parent.localAddress
        self.remoteAddress = remoteAddress ?? parent.remoteAddress
        eventLoop = parent.eventLoop
        closePromise = eventLoop.makePromise()
        handlers = ChannelPipeline(channel: self)
    }

    package var allocator: ByteBufferAllocator { ByteBufferAllocator() }
    package var closeFuture: EventLoopFuture<Void> { closePromise.futureResult }
    package var isActive: Bool { life == .active }
    package var _channelCore: any ChannelCore { self }

    package var pipeline: ChannelPipeline {
        guard let handlers else { preconditionFailure("a virtual channel has its pipeline from init on") }
        return handlers
    }

    // MARK: The carrier's verbs

    /// Opens the channel: call it once, when the handlers are in place.
    package func activate() {
        eventLoop.assertInEventLoop()
        guard life == .new else { return }
        life = .active
        pipeline.fireChannelRegistered()
        guard life == .active else { return }
        pipeline.fireChannelActive()
        readAgain()
    }

    /// Bytes from the far end. End each batch of calls with ``receiveComplete()``.
    package func receive(_ buffer: ByteBuffer) {
        guard life == .active, !sawEnd, buffer.readableBytes > 0 else { return }
        if received.isEmpty, readIsWanted || isDelivering {
            deliver(buffer)
        } else {
            keep(buffer)
        }
    }

    /// Keeps bytes until they are wanted. What is small beside the buffer that it was received in is copied out of it, so that
    /// a slow reader does not hold many times what waits for it.
    private func keep(_ buffer: ByteBuffer) {
        queuedBytes += buffer.readableBytes
        guard buffer.readableBytes < buffer.storageCapacity / 2 else {
            received.append(buffer)
            return
        }
        if let last = received.indices.last, received[last].writableBytes >= buffer.readableBytes {
            received[last].writeImmutableBuffer(buffer)
            return
        }
        var copy = ByteBufferAllocator().buffer(capacity: max(buffer.readableBytes, Self.smallestKept))
        copy.writeImmutableBuffer(buffer)
        received.append(copy)
    }

    /// No more for now: handlers may flush what they made of it.
    package func receiveComplete() {
        guard isDelivering else { return }
        isDelivering = false
        pipeline.fireChannelReadComplete()
        readAgain()
    }

    /// The far end sends no more; told to the handlers when they have read everything before it.
    package func receiveEnd() {
        guard life == .active, !sawEnd else { return }
        sawEnd = true
        if received.isEmpty, readIsWanted || isDelivering { endInput() }
    }

    /// So many of the bytes given to the carrier are on their way.
    package func sent(_ bytes: Int) {
        guard life == .active else { return }
        unsentBytes -= bytes
        assert(unsentBytes >= 0, "a carrier reports no more than it was given")
        if !isWritable, unsentBytes < waterMark.low {
            isWritable = true
            pipeline.fireChannelWritabilityChanged()
        }
        guard unsentBytes == 0 else { return }
        let promises = sentPromises
        sentPromises = []
        for promise in promises { promise.succeed() }
        if outputEnded { outputIsOut() }
    }

    /// The stream is over: by the far end's wish, or because its connection is. Handlers see the error first, if there is one.
    package func end(_ error: (any Error)? = nil) {
        guard life != .closed else { return }
        if let error { pipeline.fireErrorCaught(error) }
        close0(error: error ?? ChannelError.eof, mode: .all, promise: nil)
    }

    // MARK: Reading

    package func read0() {
        guard life == .active, !inputEnded else { return }
        readIsWanted = true
        guard !isDelivering, !deliveryIsDue, sawEnd || !received.isEmpty else { return }
        // Later, as a socket would: a handler may ask for a read while it is still busy with the one before.
        deliveryIsDue = true
        eventLoop.assumeIsolated().execute { [self] in
            deliveryIsDue = false
            deliverReceived()
        }
    }

    private func deliverReceived() {
        guard life == .active, readIsWanted else { return }
        while let next = received.popFirst() {
            queuedBytes -= next.readableBytes
            deliver(next)
            guard life == .active else { return }
        }
        if sawEnd { endInput() } else { receiveComplete() }
    }

    private func deliver(_ buffer: ByteBuffer) {
        readIsWanted = false
        isDelivering = true
        carrier?.consumed(buffer.readableBytes, by: self)
        pipeline.fireChannelRead(buffer)
    }

    private func endInput() {
        guard !inputEnded else { return }
        inputEnded = true
        receiveComplete()
        guard life == .active else { return }
        if allowsHalfClosure, !(outputEnded && unsentBytes == 0) {
            pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        } else {
            close0(error: ChannelError.eof, mode: .all, promise: nil)
        }
    }

    private func readAgain() {
        if autoRead, life == .active, !inputEnded { pipeline.read() }
    }

    // MARK: Writing

    package func write0(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard life == .active, let carrier else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        guard !outputEnded else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        guard let buffer = tryUnwrapData(data, as: ByteBuffer.self) else {
            promise?.fail(ChannelError.operationUnsupported)
            return
        }
        guard buffer.readableBytes > 0 || unsentBytes == 0 else {
            if let promise { sentPromises.append(promise) }
            return
        }
        unsentBytes += buffer.readableBytes
        carrier.send(buffer, from: self)
        promise?.succeed()
        if isWritable, unsentBytes > waterMark.high {
            isWritable = false
            pipeline.fireChannelWritabilityChanged()
        }
    }

    package func flush0() {
        guard life == .active else { return }
        carrier?.flush(self)
    }

    private func outputIsOut() {
        guard life == .active else { return }
        let promise = outputPromise
        outputPromise = nil
        if inputEnded {
            close0(error: ChannelError.eof, mode: .all, promise: promise)
        } else {
            promise?.succeed()
        }
    }

    // MARK: Closing

    package func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard life != .closed else {
            promise?.fail(ChannelError.alreadyClosed)
            return
        }
        switch mode {
        case .all:
            closeAll(error: error, promise: promise)
        case .output:
            guard !outputEnded else {
                promise?.fail(ChannelError.outputClosed)
                return
            }
            outputEnded = true
            outputPromise = promise
            carrier?.outputEnded(self)
            if life == .active, unsentBytes == 0 { outputIsOut() }
        case .input:
            promise?.fail(ChannelError.operationUnsupported)
        }
    }

    private func closeAll(error: any Error, promise: EventLoopPromise<Void>?) {
        let wasActive = life == .active
        // As with a socket: one whose input has ended and whose output is out ends well by being closed.
        let endsWell = outputEnded || allowsHalfClosure && inputEnded && unsentBytes == 0
        life = .closed
        received.removeAll()
        queuedBytes = 0
        let carrier = carrier
        self.carrier = nil
        carrier?.closed(self, outputEnded: endsWell)
        outputPromise?.fail(error)
        outputPromise = nil
        let promises = sentPromises
        sentPromises = []
        for promise in promises { promise.fail(error) }
        promise?.succeed()
        if wasActive {
            pipeline.fireChannelInactive()
            pipeline.fireChannelUnregistered()
        }
        // Later, so that a handler may close from inside any of its calls.
        eventLoop.assumeIsolated().execute { [self] in
            removeHandlers(pipeline: pipeline)
            closePromise.succeed()
        }
    }

    // MARK: What a stream inside a connection does not do

    package func localAddress0() throws -> SocketAddress {
        guard let localAddress else { throw ChannelError.unknownLocalAddress }
        return localAddress
    }

    package func remoteAddress0() throws -> SocketAddress {
        guard let remoteAddress else { throw ChannelError.operationUnsupported }
        return remoteAddress
    }

    package func register0(promise: EventLoopPromise<Void>?) { promise?.fail(ChannelError.operationUnsupported) }
    package func bind0(to: SocketAddress, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }
    package func connect0(to: SocketAddress, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }
    package func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }

    /// Bytes that no handler wanted.
    package func channelRead0(_ data: NIOAny) {}

    /// Errors that no handler dealt with.
    package func errorCaught0(error: any Error) {}
}

// MARK: Options

extension VirtualChannel {
    package var syncOptions: (any NIOSynchronousChannelOptions)? { Options(channel: self) }

    package func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> EventLoopFuture<Void> {
        eventLoop.makeCompletedFuture { try Options(channel: self).setOption(option, value: value) }
    }

    package func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> {
        eventLoop.makeCompletedFuture { try Options(channel: self).getOption(option) }
    }

    private struct Options: NIOSynchronousChannelOptions {
        let channel: VirtualChannel

        func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) throws {
            channel.eventLoop.assertInEventLoop()
            switch option {
            case let option as ChannelOptions.Types.AutoReadOption:
                let wasOff = !channel.autoRead
                channel.autoRead = try cast(value, for: option)
                if wasOff { channel.readAgain() }
            case let option as ChannelOptions.Types.AllowRemoteHalfClosureOption:
                channel.allowsHalfClosure = try cast(value, for: option)
            case let option as ChannelOptions.Types.WriteBufferWaterMarkOption:
                channel.waterMark = try cast(value, for: option)
            case is ChannelOptions.Types.RecvAllocatorOption:
                // Nothing is read into buffers here.
                break
            default:
                throw ChannelError.operationUnsupported
            }
        }

        func getOption<Option: ChannelOption>(_ option: Option) throws -> Option.Value {
            channel.eventLoop.assertInEventLoop()
            return switch option {
            case is ChannelOptions.Types.AutoReadOption: try cast(channel.autoRead, for: option)
            case is ChannelOptions.Types.AllowRemoteHalfClosureOption: try cast(channel.allowsHalfClosure, for: option)
            case is ChannelOptions.Types.WriteBufferWaterMarkOption: try cast(channel.waterMark, for: option)
            default: throw ChannelError.operationUnsupported
            }
        }

        /// The types agree by the option's own definition, which the compiler does not see in a switch over types.
        private func cast<Option: ChannelOption>(_ value: Any, for option: Option) throws -> Option.Value {
            guard let value = value as? Option.Value else { throw ChannelError.operationUnsupported }
            return value
        }
    }
}
