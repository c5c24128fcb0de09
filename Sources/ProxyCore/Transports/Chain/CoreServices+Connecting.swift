// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

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
            let asker = session.asker(of: plan.target)
            end.below = .socket
            return dialer.connect(plan, socket: socket, for: asker, on: loop.eventLoop) { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(end) }
            }
        }
        let hops: [Hop]
        do {
            hops = try self.hops(plan, by: outbound, session: session)
        } catch {
            return loop.eventLoop.makeFailedFuture(error)
        }
        end.below = .layers
        let ready = loop.eventLoop.makePromise(of: Void.self)
        let gate = TransportGate(
            loop: loop, limit: Dialer.connectTimeout, onReady: { ready.succeed() }, onFailure: { ready.fail($0) })
        let connected = layered(hops[...], on: loop) { channel in
            try channel.pipeline.syncOperations.addHandler(gate)
            try channel.pipeline.syncOperations.addHandler(end)
        }
        return gate.opened(connected, ready)
    }

    /// A channel with all layers of the first hop's transport, under what `top` adds.
    private func layered(
        _ hops: ArraySlice<Hop>, on loop: LoopContext, top: @escaping (any Channel) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        guard let hop = hops.first else { preconditionFailure("the outbound itself is the first hop") }
        guard let plan = hop.outbound.transport.grpc else {
            return carried(hops, on: loop) { channel in
                try hop.install(on: channel)
                try top(channel)
            }
        }
        let promise = loop.eventLoop.makePromise(of: (any Channel).self)
        tunnelPool(for: hop, on: loop).lease { [self] in
            connection(of: plan, hops, on: loop)
        } then: { result in
            do {
                let stream = try result.get().open { channel in
                    try channel.pipeline.syncOperations.addHandler(SocketFloor())
                    try top(channel)
                }
                promise.succeed(stream)
            } catch {
                promise.fail(error)
            }
        }
        return promise.futureResult
    }

    /// A channel that carries the streams of the first hop.
    private func connection(
        of plan: GRPCClientPlan, _ hops: ArraySlice<Hop>, on loop: LoopContext
    ) -> EventLoopFuture<any Channel> {
        guard let hop = hops.first else { preconditionFailure("the outbound itself is the first hop") }
        let ready = loop.eventLoop.makePromise(of: Void.self)
        let gate = TransportGate(
            loop: loop, limit: Dialer.connectTimeout, onReady: { ready.succeed() }, onFailure: { ready.fail($0) })
        let isPlain = hops.count == 1 && !hop.outbound.transport.hasTLS
        let connected = carried(hops, on: loop) { channel in
            try hop.install(on: channel)
            try channel.pipeline.syncOperations.addHandler(gate)
            try GRPCTunnelClient.add(
                to: channel, plan, target: hop.plan.target, loop: loop, isSecure: !isPlain)
        }
        return gate.opened(connected, ready)
    }

    /// A channel to the first hop's target: a socket, or what the next hop carries.
    private func carried(
        _ hops: ArraySlice<Hop>, on loop: LoopContext, top: @escaping (any Channel) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        guard let hop = hops.first else { preconditionFailure("the outbound itself is the first hop") }
        let rest = hops.dropFirst()
        guard let carrier = rest.first else {
            let top = NIOLoopBound(top, eventLoop: loop.eventLoop)
            let socket = hop.outbound.transport.socket
            return dialer.connect(hop.plan, socket: socket, for: hop.asker, on: loop.eventLoop) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(SocketFloor())
                    try top.value(channel)
                }
            }
        }
        return layered(rest, on: loop) { channel in
            try channel.pipeline.syncOperations.addHandler(CarrierHandler(carrier.outbound, carrier.plan))
            try top(channel)
        }
    }

    private func tunnelPool(for hop: Hop, on loop: LoopContext) -> GRPCTunnelPool {
        let key = GRPCTunnelPool.Key(
            outbound: ObjectIdentifier(hop.outbound), target: hop.plan.target, localAddress: hop.plan.localAddress)
        if let pool = loop.tunnelPools[key] { return pool }
        let pool = GRPCTunnelPool { [log, tag = hop.outbound.tag, target = hop.plan.target] why in
            log.write(.warning, "transport/internet/grpc", "the outbound \(tag) lost a stream to \(target) > \(why)")
        }
        // An outbound that was taken out is let go with its last connection.
        pool.onEmpty = { [weak loop] in loop?.tunnelPools[key] = nil }
        loop.tunnelPools[key] = pool
        return pool
    }

    private struct Hop {
        var outbound: Outbound
        var plan: DialPlan
        var asker: NameAsker

        func install(on channel: any Channel) throws {
            try outbound.transport.install(
                on: channel, target: plan.target, copiesDirectly: plan.copiesDirectly)
        }
    }

    /// The outbound, then the one that carries it, and so on down to the one that has a socket.
    private func hops(
        _ plan: DialPlan, by outbound: Outbound, session: Session
    ) throws(DialError) -> [Hop] {
        var hops = [Hop(outbound: outbound, plan: plan, asker: session.asker(of: plan.target))]
        let client = session
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
                hops.append(Hop(outbound: carrier, plan: plan, asker: client.asker(of: plan.target)))
            case .refuse(let why):
                throw DialError(description: "the outbound \(tag) refuses to carry the connection: \(why)")
            case .discard, .serve, .queries, .reenter:
                throw DialError(description: "the outbound \(tag) (\(carrier.proto.name)) cannot carry a connection")
            }
        }
        return hops
    }
}

extension TransportGate {
    /// The channel when it is connected and its transport is up, which `ready` tells.
    fileprivate func opened(
        _ connected: EventLoopFuture<any Channel>, _ ready: EventLoopPromise<Void>
    ) -> EventLoopFuture<any Channel> {
        connected.assumeIsolated().whenFailure { error in
            self.cancel()
            ready.fail(error)
        }
        return connected.flatMap { channel in ready.futureResult.map { channel } }
    }
}
