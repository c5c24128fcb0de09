// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel

/// Connecting by an outbound's transport, and through the outbounds that carry it.
extension CoreServices {
    /// Connects as `plan` says by the outbound's transport, and adds `end` on top of its layers. The future succeeds when
    /// every layer is up; the channel is closed when it fails. Call it on the loop.
    ///
    /// Over a raw transport, and without an outbound, this is a dial and nothing else.
    func connect(
        _ plan: DialPlan, by outbound: Outbound?, session: Session, on loop: LoopContext, end: StreamEnd
    ) -> EventLoopFuture<any Channel> {
        guard let outbound, !outbound.transport.isRaw else {
            let socket = outbound?.transport.socket ?? SocketPlan()
            return dialer.connect(plan, socket: socket, on: loop.eventLoop) { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(end) }
            }
        }
        let hops: [Hop]
        do {
            hops = try self.hops(plan, by: outbound, session: session)
        } catch {
            return loop.eventLoop.makeFailedFuture(error)
        }
        guard let lowest = hops.last else { preconditionFailure("the outbound itself is the first hop") }
        end.isLayered = true
        let ready = loop.eventLoop.makePromise(of: Void.self)
        let gate = TransportGate(
            loop: loop, limit: Dialer.connectTimeout, onReady: { ready.succeed() }, onFailure: { ready.fail($0) })
        let layers = NIOLoopBound((hops, gate), eventLoop: loop.eventLoop)
        let connected = dialer.connect(lowest.plan, socket: lowest.outbound.transport.socket, on: loop.eventLoop) {
            channel in
            channel.eventLoop.makeCompletedFuture {
                let (hops, gate) = layers.value
                let pipeline = channel.pipeline.syncOperations
                try pipeline.addHandler(SocketFloor())
                for (depth, hop) in hops.enumerated().reversed() {
                    try hop.outbound.transport.install(
                        on: channel, target: hop.plan.target, copiesDirectly: hop.plan.copiesDirectly)
                    if depth > 0 { try pipeline.addHandler(CarrierHandler(hop.outbound, hop.plan)) }
                }
                try pipeline.addHandler(gate)
                try pipeline.addHandler(end)
            }
        }
        connected.whenFailure { ready.fail($0) }
        return connected.flatMap { channel in ready.futureResult.map { channel } }
    }

    private struct Hop {
        var outbound: Outbound
        var plan: DialPlan
    }

    /// The outbound, then the one that carries it, and so on down to the one that has a socket.
    private func hops(
        _ plan: DialPlan, by outbound: Outbound, session: Session
    ) throws(DialError) -> [Hop] {
        var hops = [Hop(outbound: outbound, plan: plan)]
        while let last = hops.last, let tag = last.outbound.transport.carrierTag {
            guard let carrier = outbounds.find(tag) else {
                throw DialError(description: "failed to get outbound handler with tag: \(tag)")
            }
            guard !hops.contains(where: { $0.outbound === carrier }) else {
                let tags = (hops.map(\.outbound.tag) + [tag]).joined(separator: " -> ")
                throw DialError(description: "the outbounds carry each other in a circle: \(tags)")
            }
            var session = session
            session.target = Destination(network: .tcp, address: last.plan.target.address, port: last.plan.target.port)
            switch carrier.stream(for: session) {
            case .dial(let plan):
                hops.append(Hop(outbound: carrier, plan: plan))
            case .refuse(let why):
                throw DialError(description: "the outbound \(tag) refuses to carry the connection: \(why)")
            case .discard, .serve, .queries, .reenter:
                throw DialError(description: "the outbound \(tag) (\(carrier.proto.name)) cannot carry a connection")
            }
        }
        return hops
    }
}
