// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// Answers the queries that a client sends over a connection. A client that does not take its answers, or that asks for too much
/// at a time, is not read from.
final class QueryPhase: StreamPhase {
    private let session: StreamSession
    private let outbound: Outbound
    private let flow: Flow
    private let exchange: QueryExchange
    private let framing: any PacketStreamCodec
    private let target: Destination
    private let codec: (any StreamCodec)?
    private let idleLimit: TimeAmount
    /// Goes in front of the first answer.
    private var responseHeader: ByteBuffer?
    /// Payload whose frames were not read yet.
    private var waiting: ByteBuffer?
    private var isPaused = false
    private var isAnswering = false
    private var sawEnd = false

    init(
        _ session: StreamSession, _ plan: QueryPlan, framing: any PacketStreamCodec, by outbound: Outbound, flow: Flow,
        request: StreamRequest
    ) {
        self.session = session
        self.outbound = outbound
        self.flow = flow
        self.framing = framing
        exchange = QueryExchange(
            plan, by: outbound, session: flow.session, services: session.services, loop: session.loop)
        target = request.target
        codec = request.codec
        responseHeader = request.responseHeader
        waiting = request.early
        idleLimit = .seconds(Int64(session.services.policy.level(plan.level).connectionIdle))
    }

    func begin() {
        flow.idleLimit = idleLimit
        session.end.staysInTLS()
        exchange.deliver = { [weak self] in self?.send($0) }
        exchange.onProgress = { [weak self] in self?.goOn() }
        if let early = waiting { count(early.readableBytes) }
        session.end.resumeReading()
    }

    func received(_ buffer: inout ByteBuffer) {
        do {
            try decode(&buffer)
            try answer()
        } catch {
            buffer.clear()
            session.abort()
        }
    }

    func writabilityChanged() { goOn() }

    func inputEnded() {
        sawEnd = true
        let limit = session.services.policy.level(flow.session.level).handshake
        flow.idleLimit = min(idleLimit, .seconds(Int64(limit)))
        finishWhenDone()
    }

    func connectionClosed() { exchange.close() }

    private func decode(_ buffer: inout ByteBuffer) throws {
        while buffer.readableBytes > 0 {
            var part = buffer
            if let codec {
                guard let payload = try codec.decode(&buffer) else { break }
                part = payload
            } else {
                buffer.clear()
            }
            count(part.readableBytes)
            if waiting == nil { waiting = part } else { waiting?.writeBuffer(&part) }
        }
        if codec?.sawEnd ?? false { sawEnd = true }
    }

    private func answer() throws {
        // A look-up whose answer is known at once calls back from inside the loop, which goes on by itself.
        guard !isAnswering else { return }
        isAnswering = true
        defer { isAnswering = false }
        while var rest = waiting, exchange.hasRoom, session.end.isWritable {
            waiting = nil
            let query = try framing.decode(&rest, defaultTarget: target)
            if rest.readableBytes > 0 { waiting = rest }
            guard let query else { break }
            exchange.take(query.payload)
        }
        let mustWait = !exchange.hasRoom || !session.end.isWritable
        if mustWait, !isPaused { session.end.pauseReading() }
        if !mustWait, isPaused { session.end.resumeReading() }
        isPaused = mustWait
        finishWhenDone()
    }

    private func goOn() {
        do { try answer() } catch { session.abort() }
    }

    private func finishWhenDone() {
        guard sawEnd, !isPaused, exchange.isDone else { return }
        if let header = responseHeader {
            responseHeader = nil
            session.end.queue(header)
        }
        if let last = codec?.finish(allocator: ByteBufferAllocator()) { session.end.queue(last) }
        // What a server says that nobody has asked must not keep the flow alive.
        exchange.close()
        session.finish()
    }

    private func count(_ bytes: Int) {
        outbound.uplink?.add(bytes)
        flow.countUplink(bytes, now: session.loop.now)
    }

    private func send(_ answer: ByteBuffer) {
        guard session.end.isOpen,
            var out = framing.encode(Packet(payload: answer, peer: target), allocator: ByteBufferAllocator())
        else { return }
        outbound.downlink?.add(out.readableBytes)
        flow.countDownlink(out.readableBytes, now: session.loop.now)
        if let codec { out = codec.encode(out, allocator: ByteBufferAllocator()) }
        if var header = responseHeader {
            responseHeader = nil
            header.writeBuffer(&out)
            out = header
        }
        session.end.send(out)
    }
}
