// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Telemetry

/// An outbound that carries another one's connection: its greeting, its body format and its counters, as a layer in the
/// channel of the one that is carried. Confined to its channel's event loop.
final class CarrierHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let name: String
    private let plan: DialPlan
    private var greeting: Greeting?
    /// The end of the greeting, which waits for the first write.
    private var unsent: ByteBuffer?
    private let codec: (any StreamCodec)?
    /// Of a stream that may pass this outbound's TLS by.
    private var direct: DirectCopy?
    private let uplink: Counter?
    private let downlink: Counter?
    private var received: ByteBuffer?
    private var isUp = false
    private var sawEnd = false

    init(_ outbound: Outbound, _ plan: DialPlan) {
        name = outbound.tag
        self.plan = plan
        codec = plan.codec
        uplink = outbound.uplink
        downlink = outbound.downlink
    }

    func channelActive(context: ChannelHandlerContext) {
        if plan.copiesDirectly {
            guard let gate = RecordGate.find(in: context), gate.isBelowTLS13, let codec = codec as? any DirectCopyCodec
            else {
                let why = "its flow needs TLS 1.3, directly on TCP"
                context.fireErrorCaught(TransportFailure("the outbound \(name) failed", why))
                return
            }
            gate.take()
            direct = DirectCopy(codec, gate)
        }
        greeting = Greeting(plan, on: context.channel)
        var nothing = ByteBuffer()
        greet(&nothing, context)
    }

    private func greet(_ buffer: inout ByteBuffer, _ context: ChannelHandlerContext) {
        switch greeting?.receive(&buffer) {
        case .needMore(let said)?:
            if let said { send(said, context) }
        case .done(let said)?:
            greeting = nil
            unsent = said
            isUp = true
            context.fireChannelActive()
            guard unsent != nil else { return }
            // Most of what is above writes now or within this turn of the event loop: a TLS hello, another request.
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            context.eventLoop.execute { bound.value.0.sendUnsent(bound.value.1) }
        case .failed(let why)?:
            greeting = nil
            context.fireErrorCaught(TransportFailure("the outbound \(name) failed", why))
        case nil:
            break
        }
    }

    private func send(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        uplink?.add(bytes.readableBytes)
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    private func sendUnsent(_ context: ChannelHandlerContext) {
        guard let bytes = unsent else { return }
        unsent = nil
        send(bytes, context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        downlink?.add(buffer.readableBytes)
        if isUp, codec == nil {
            context.fireChannelRead(data)
            return
        }
        if var earlier = received {
            received = nil
            earlier.writeBuffer(&buffer)
            buffer = earlier
        }
        if !isUp { greet(&buffer, context) }
        if isUp { decode(&buffer, context) }
        if buffer.readableBytes > 0 { received = buffer }
    }

    private func decode(_ buffer: inout ByteBuffer, _ context: ChannelHandlerContext) {
        guard let codec else {
            if buffer.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(buffer)) }
            buffer.clear()
            return
        }
        do {
            while let payload = try codec.decode(&buffer) {
                if payload.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(payload)) }
            }
            direct?.followReads { bypass(context) }
            if codec.sawEnd { endInput(context) }
        } catch {
            buffer.clear()
            context.fireErrorCaught(TransportFailure("the outbound \(name) broke", "\(error)"))
        }
    }

    private func endInput(_ context: ChannelHandlerContext) {
        guard !sawEnd else { return }
        sawEnd = true
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    private func bypass(_ context: ChannelHandlerContext) -> RecordGate.Bypass {
        RecordGate.Bypass(
            read: { [downlink] buffer in
                downlink?.add(buffer.readableBytes)
                context.fireChannelRead(NIOAny(buffer))
            },
            readComplete: { context.fireChannelReadComplete() },
            inputEnded: { [weak self] in self?.endInput(context) })
    }

    /// Where what is written goes on.
    private func outlet(_ context: ChannelHandlerContext) -> ChannelHandlerContext {
        guard let direct, direct.writesPastTLS else { return context }
        return direct.outlet ?? context
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent {
            guard !sawEnd else { return }
            sawEnd = true
        }
        context.fireUserInboundEventTriggered(event)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let payload = unwrapOutboundIn(data)
        guard payload.readableBytes > 0 else {
            outlet(context).write(data, promise: promise)
            return
        }
        var out = codec.map { $0.encode(payload, allocator: context.channel.allocator) } ?? payload
        if var first = unsent {
            unsent = nil
            first.writeImmutableBuffer(out)
            out = first
        }
        uplink?.add(out.readableBytes)
        outlet(context).write(wrapOutboundOut(out), promise: promise)
        if direct?.leavesForWrites == true {
            context.flush()
            direct?.passWrites()
        }
    }

    func flush(context: ChannelHandlerContext) { outlet(context).flush() }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode == .output {
            sendUnsent(context)
            if let last = codec?.finish(allocator: context.channel.allocator) { send(last, context) }
        }
        // A TLS that no input reaches any more would wait in vain for the peer's farewell.
        let isLeft = mode == .all && direct?.readsPastTLS ?? false
        (isLeft ? direct?.outlet ?? context : outlet(context)).close(mode: mode, promise: promise)
    }
}
