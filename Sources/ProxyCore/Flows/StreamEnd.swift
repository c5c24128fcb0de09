// SPDX-License-Identifier: Apache-2.0
import Glibc
import NIOCore
import Telemetry

/// What a stream end tells its owner while it is not relaying yet.
protocol StreamEndOwner: AnyObject {
    /// Everything received so far and not consumed is in `buffer`.
    func received(_ buffer: inout ByteBuffer, on end: StreamEnd)
    func inputEnded(on end: StreamEnd)
    /// The socket is gone, in whatever phase.
    func closed(_ end: StreamEnd)
    /// The socket takes bytes again.
    func writabilityChanged(on end: StreamEnd)
}

extension StreamEndOwner {
    func writabilityChanged(on end: StreamEnd) {}
}

/// One end of a relayed stream: the channel handler on the inbound's or the outbound's socket.
///
/// While relaying, a chunk goes from `channelRead` of one end straight to `write` of the other, on the same event loop:
/// no queue, no copy, no `await`. Back-pressure is kept by holding back the socket's `read` while the other end is not
/// writable. Confined to its channel's event loop.
final class StreamEnd: ChannelDuplexHandler, @unchecked Sendable {  // see above
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        /// Bytes go to the owner (handshake, or waiting for the dial).
        case owned
        case relaying
        /// Bytes pass through to the handlers behind this one, and are counted.
        case serving
        case closed
    }

    private enum Output {
        case open
        /// Ended, and not everything written before has left the process.
        case draining
        case ended
    }

    enum Direction {
        case inbound
        case outbound
    }

    /// What is between this end and the network.
    enum Below {
        /// A stream inside a connection.
        case stream
        /// A socket, and nothing else.
        case socket
        /// Layers of a transport, which say good-bye when they are closed.
        case layers
    }

    let direction: Direction
    private let loop: LoopContext
    private var phase = Phase.owned
    private var context: ChannelHandlerContext?
    private unowned(unsafe) var peer: StreamEnd?
    private var flow: Flow?
    private var codec: (any StreamCodec)?
    /// Of a stream that may pass TLS by.
    private var direct: DirectCopy?
    /// Goes in front of the first payload: a server's answer, or a client's request.
    private var header: ByteBuffer?
    /// Bytes that arrived and were not consumed: a partial header, early payload, or a partial chunk of the codec.
    private var pending: ByteBuffer?
    private let readCounter: Counter?
    private let writeCounter: Counter?
    private var readHeld = false
    private var mayRead = true
    /// The transport below is up; until then its layers read what they need.
    private var isActive = false
    /// A layer below cannot send, although the socket is writable.
    private var isBlocked = false
    /// Set before the channel is active.
    var below = Below.stream
    private var pace = ReadPace()
    private var inputEnded = false
    private var output = Output.open
    private var closesWhenDrained = false
    /// The socket broke, or was cut.
    private var isBroken = false
    /// Inside `channelReadComplete`; see ``close(_:)``.
    private var isCompletingRead = false
    /// Released when the socket closes.
    var owner: (any StreamEndOwner)?
    /// Called once when the socket is connected and its addresses are known.
    var onActive: ((StreamEnd, any Channel) -> Void)?

    init(direction: Direction, loop: LoopContext, readCounter: Counter?, writeCounter: Counter?) {
        self.direction = direction
        self.loop = loop
        self.readCounter = readCounter
        self.writeCounter = writeCounter
    }

    var channel: (any Channel)? { context?.channel }
    var isOpen: Bool { phase != .closed && context != nil }
    var isDraining: Bool { output == .draining }

    // MARK: Owner's verbs

    /// Keeps the socket from being read until `resumeReading`; bytes wait in the kernel, and the peer is slowed down.
    func pauseReading() { mayRead = false }

    func resumeReading() {
        mayRead = true
        releaseRead()
    }

    /// Sends bytes outside the relay (a handshake's reply).
    func send(_ buffer: ByteBuffer) {
        queue(buffer)
        flush()
    }

    /// Writes bytes outside the relay, to leave with the next flush.
    func queue(_ buffer: ByteBuffer) {
        guard let context, phase != .closed, output == .open else { return }
        writeCounter?.add(buffer.readableBytes)
        context.write(wrapOutboundOut(buffer), promise: nil)
    }

    func flush() {
        outlet?.flush()
    }

    /// False while what was written waits for the peer of the socket.
    var isWritable: Bool { !isBlocked && context?.channel.isWritable ?? false }

    /// Starts relaying between two ends of the same event loop; what either side already has is moved first, `early` (payload
    /// that was decoded already) before everything else.
    /// - Parameter requestHeader: Sent to the far side at once, in one write with payload that is there.
    static func join(
        inbound: StreamEnd, outbound: StreamEnd, flow: Flow, inboundCodec: (any StreamCodec)?,
        outboundCodec: (any StreamCodec)?, responseHeader: ByteBuffer?, requestHeader: ByteBuffer? = nil,
        early: ByteBuffer? = nil
    ) {
        inbound.begin(flow: flow, peer: outbound, codec: inboundCodec, header: responseHeader)
        outbound.begin(flow: flow, peer: inbound, codec: outboundCodec, header: requestHeader)
        if let early, early.readableBytes > 0 {
            inbound.count(early.readableBytes)
            outbound.write(early)
            outbound.flush()
        }
        inbound.movePending()
        outbound.sendHeader()
        outbound.movePending()
        if inbound.inputEnded { inbound.forwardEnd() }
        if outbound.inputEnded { outbound.forwardEnd() }
        inbound.resumeReading()
        outbound.resumeReading()
    }

    /// From here on bytes go to the handlers that are added behind this one.
    func serve(flow: Flow) {
        phase = .serving
        self.flow = flow
        if let context, let early = pending, early.readableBytes > 0 {
            pending = nil
            flow.countUplink(early.readableBytes, now: loop.now)
            context.fireChannelRead(wrapInboundOut(early))
            context.fireChannelReadComplete()
        }
        resumeReading()
    }

    /// Closes the socket now; what is not written yet is lost.
    func abort() {
        isBroken = true
        if below == .layers {
            context?.triggerUserOutboundEvent(TransportAbort(), promise: nil)
        } else if let context {
            close(context)
        }
    }

    /// Closes the channel, but not inside its own `channelReadComplete`: when that comes with the end of a socket's input, SwiftNIO
    /// goes on to close the input of what it takes to be open still, and stops a debug build. ``SocketFloor`` does it for layers.
    private func close(_ outlet: ChannelHandlerContext) {
        if isCompletingRead {
            outlet.eventLoop.assumeIsolated().execute { outlet.close(mode: .all, promise: nil) }
        } else {
            outlet.close(mode: .all, promise: nil)
        }
    }

    /// Closes the socket once everything written so far is out, or when the peer of the socket stops taking it; how long that
    /// may take is for the caller to limit.
    func finish() { finish(abruptly: false) }

    /// - Parameter abruptly: Without ending the output first, which would be a system call and a packet more; the peer of the
    ///   socket may see a reset.
    private func finish(abruptly: Bool) {
        guard let outlet, phase != .closed else { return }
        closesWhenDrained = true
        switch output {
        case .open: drain(outlet, abruptly: abruptly)
        case .draining: break
        case .ended: close(outlet)
        }
    }

    /// Ends the output behind everything that is written so far, and closes the socket then if its input has ended as well.
    private func drain(_ context: ChannelHandlerContext, abruptly: Bool = false) {
        output = .draining
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { [self] _ in drained() }
        if inputEnded || abruptly {
            // `close(mode: .output)` would close a socket whose input has ended at once, and lose what waits to be sent.
            closesWhenDrained = true
            context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: promise)
        } else {
            context.flush()
            context.close(mode: .output, promise: promise)
        }
    }

    private func drained() {
        output = .ended
        flow?.drained(now: loop.now)
        guard closesWhenDrained else { return }
        // A TLS that no input reaches any more would wait in vain for the peer's farewell.
        let below = direct?.readsPastTLS == true ? direct?.outlet : outlet
        if let below { close(below) }
    }

    // MARK: Relay

    private func begin(flow: Flow, peer: StreamEnd, codec: (any StreamCodec)?, header: ByteBuffer?) {
        phase = .relaying
        self.flow = flow
        self.peer = peer
        self.codec = codec
        self.header = header
        // While the stream was sniffed.
        if codec?.sawEnd ?? false { inputEnded = true }
        if below == .layers, let context { direct = DirectCopy(codec, in: context) }
    }

    /// Every byte will come through TLS, if there is any: reads need not be told apart by records.
    func staysInTLS() {
        guard below == .layers, let context else { return }
        RecordGate.find(in: context)?.stopSplitting()
    }

    /// TLS 1.3 on a socket is below, which bytes can pass by.
    var allowsDirectCopy: Bool { context.flatMap { RecordGate.find(in: $0) }?.isBelowTLS13 ?? false }

    /// Where what is written enters the pipeline.
    private var outlet: ChannelHandlerContext? { direct?.writesPastTLS == true ? direct?.outlet : context }

    private var bypass: RecordGate.Bypass {
        RecordGate.Bypass(
            read: { [weak self] in self?.receivedPastTLS($0) },
            readComplete: { [weak self] in self?.relayedRead() },
            inputEnded: { [weak self] in self?.noteInputEnd() })
    }

    private func receivedPastTLS(_ buffer: ByteBuffer) {
        readCounter?.add(buffer.readableBytes)
        count(buffer.readableBytes)
        peer?.write(buffer)
    }

    private func movePending() {
        guard var buffer = pending, buffer.readableBytes > 0 else { return }
        pending = nil
        relay(&buffer)
        peer?.flush()
    }

    private func relay(_ buffer: inout ByteBuffer) {
        guard let peer else { return }
        guard let codec else {
            count(buffer.readableBytes)
            peer.write(buffer)
            return
        }
        if pending != nil {
            pending?.writeBuffer(&buffer)
        } else {
            pending = buffer
        }
        do {
            while pending != nil, let payload = try decode(codec) {
                count(payload.readableBytes)
                peer.write(payload)
            }
            if pending?.readableBytes == 0 { pending = nil }
            direct?.followReads { bypass }
            if codec.sawEnd, !inputEnded {
                inputEnded = true
                forwardEnd()
            }
        } catch {
            flow?.close()
        }
    }

    private func decode(_ codec: any StreamCodec) throws -> ByteBuffer? {
        guard var buffer = pending else { return nil }
        pending = nil
        defer { pending = buffer }
        return try codec.decode(&buffer)
    }

    private func count(_ bytes: Int) {
        guard bytes > 0 else { return }
        switch direction {
        case .inbound: flow?.countUplink(bytes, now: loop.now)
        case .outbound: flow?.countDownlink(bytes, now: loop.now)
        }
    }

    /// A header is copied together with payload of so many bytes, so that both are one TLS record, or one segment.
    private static let joinLimit = 16 * 1024

    /// Writes payload that came from the other end.
    private func write(_ payload: ByteBuffer) {
        guard let outlet, output == .open else { return }
        let out = codec.map { $0.encode(payload, allocator: outlet.channel.allocator) } ?? payload
        writeCounter?.add(out.readableBytes)
        if header == nil {
            outlet.write(wrapOutboundOut(out), promise: nil)
        } else {
            writeHeader(with: out, to: outlet)
        }
        if direct?.leavesForWrites == true {
            context?.flush()
            direct?.passWrites()
        }
    }

    /// Writes the header, and what comes behind it.
    private func writeHeader(with out: ByteBuffer? = nil, to outlet: ChannelHandlerContext) {
        guard var header else { return }
        self.header = nil
        writeCounter?.add(header.readableBytes)
        if let out, out.readableBytes <= Self.joinLimit {
            header.writeImmutableBuffer(out)
            outlet.write(wrapOutboundOut(header), promise: nil)
        } else {
            outlet.write(wrapOutboundOut(header), promise: nil)
            if let out { outlet.write(wrapOutboundOut(out), promise: nil) }
        }
    }

    /// Sends the header if no payload has taken it along.
    private func sendHeader() {
        guard header != nil, let outlet, output == .open else { return }
        let filling = codec?.filling(allocator: outlet.channel.allocator)
        writeCounter?.add(filling?.readableBytes ?? 0)
        writeHeader(with: filling, to: outlet)
        flush()
    }

    /// The other end's input is over: no more will be written here.
    private func endOutput() {
        guard let outlet, output == .open, phase != .closed else { return }
        writeHeader(to: outlet)
        if let last = codec?.finish(allocator: outlet.channel.allocator) {
            writeCounter?.add(last.readableBytes)
            outlet.write(wrapOutboundOut(last), promise: nil)
        }
        drain(outlet)
    }

    /// This end's input is over: passes the end on, and shortens what the flow may idle for.
    private func forwardEnd() {
        guard let flow, let peer else { return }
        flow.lastActivity = loop.now
        if peer.inputEnded {
            flow.idleLimit = .seconds(Int64(min(flow.policy.uplinkOnly, flow.policy.downlinkOnly)))
        } else {
            let seconds = direction == .inbound ? flow.policy.downlinkOnly : flow.policy.uplinkOnly
            flow.idleLimit = .seconds(Int64(seconds))
        }
        peer.endOutput()
    }

    /// Everything that one read of the socket has brought was handed on.
    private func relayedRead() {
        isCompletingRead = true
        peer?.flush()
        isCompletingRead = false
        if pace.noteRead() { lookAtPace() }
    }

    private func lookAtPace() {
        guard let flow, let peer else { return }
        let moved = direction == .inbound ? flow.uplink : flow.downlink
        let mark = pace.look(at: loop.eventLoop.now, moved: moved, answers: peer.pace.reads)
        if let mark { setLowWaterMark(mark) }
    }

    /// Takes the mark back when nothing has been read under it for a while; called by the loop's ``ReadPacer``.
    func checkPace() {
        // Reading is held back: the mark keeps nothing waiting.
        guard !readHeld, !pace.keepsMoving() else { return }
        setLowWaterMark(pace.pause())
    }

    private static let lowWaterMark = ChannelOptions.Types.SocketOption(
        level: .socket, name: .init(rawValue: SO_RCVLOWAT))

    private func setLowWaterMark(_ mark: Int32) {
        guard let context else { return }
        do {
            guard let options = context.channel.syncOptions else { throw ChannelError.operationUnsupported }
            // The kernel tells of what waits already when the new mark allows it.
            try options.setOption(Self.lowWaterMark, value: .init(mark))
            if mark > 1 { loop.pacer.add(self) } else { loop.pacer.remove(self) }
        } catch {
            pace.giveUp()
            loop.pacer.remove(self)
        }
    }

    private func releaseRead() {
        guard readHeld, canRead, let context else { return }
        readHeld = false
        context.read()
    }

    private var canRead: Bool {
        guard mayRead else { return !isActive }
        guard phase == .relaying, let peer else { return true }
        return !peer.isBlocked && peer.context?.channel.isWritable ?? false
    }

    // MARK: ChannelHandler

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func channelActive(context: ChannelHandlerContext) {
        isActive = true
        if let onActive {
            self.onActive = nil
            onActive(self, context.channel)
        }
        context.fireChannelActive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        // Otherwise an attempt to connect has failed, after which another one was begun.
        guard self.context === context else { return }
        self.context = nil
        if isActive { left() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch phase {
        case .relaying:
            var buffer = unwrapInboundIn(data)
            readCounter?.add(buffer.readableBytes)
            relay(&buffer)
        case .serving:
            let bytes = unwrapInboundIn(data).readableBytes
            readCounter?.add(bytes)
            flow?.countUplink(bytes, now: loop.now)
            context.fireChannelRead(data)
        case .owned:
            var buffer = unwrapInboundIn(data)
            readCounter?.add(buffer.readableBytes)
            if pending != nil {
                pending?.writeBuffer(&buffer)
            } else {
                pending = buffer
            }
            offerPending()
        case .closed:
            break
        }
    }

    /// Shows the owner what has arrived, also when that is nothing; what it leaves stays for the next time.
    func offerPending() {
        guard phase == .owned, let owner else { return }
        var buffer = pending ?? ByteBuffer()
        pending = nil
        owner.received(&buffer, on: self)
        if buffer.readableBytes > 0 {
            if var later = pending {
                buffer.writeBuffer(&later)
            }
            pending = buffer
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        switch phase {
        case .relaying: relayedRead()
        case .serving:
            isCompletingRead = true
            context.fireChannelReadComplete()
            isCompletingRead = false
        case .owned, .closed: break
        }
    }

    func read(context: ChannelHandlerContext) {
        if canRead {
            context.read()
        } else {
            readHeld = true
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let bytes = unwrapOutboundIn(data).readableBytes
        writeCounter?.add(bytes)
        flow?.countDownlink(bytes, now: loop.now)
        context.write(data, promise: promise)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if phase == .serving {
            context.fireChannelWritabilityChanged()
        } else if context.channel.isWritable {
            peer?.releaseRead()
            if phase == .owned { owner?.writabilityChanged(on: self) }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let writability = event as? TransportWritability {
            isBlocked = writability == .blocked
            peer?.releaseRead()
            if phase == .owned, isWritable { owner?.writabilityChanged(on: self) }
            return
        }
        guard case .inputClosed? = event as? ChannelEvent, phase != .serving else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        noteInputEnd()
    }

    private func noteInputEnd() {
        guard !inputEnded else { return }
        inputEnded = true
        switch phase {
        case .relaying: forwardEnd()
        case .owned: owner?.inputEnded(on: self)
        case .serving, .closed: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        context.fireChannelInactive()
        // A socket whose output has ended before closes when its input ends, and tells of nothing else.
        if phase == .relaying, output != .open, !isBroken { noteInputEnd() }
        left()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        isBroken = true
        close(context)
    }

    private func left() {
        guard phase != .closed else { return }
        phase = .closed
        if pace.mark > 1 { loop.pacer.remove(self) }
        let other = peer
        peer = nil
        other?.peer = nil
        // A client that is gone waits for nothing. One that is there sees the end of its stream before anything else.
        other?.finish(abruptly: isBroken && direction == .inbound && other?.below == .socket)
        codec = nil
        direct = nil
        pending = nil
        flow = nil
        let owner = owner
        self.owner = nil
        owner?.closed(self)
    }
}
