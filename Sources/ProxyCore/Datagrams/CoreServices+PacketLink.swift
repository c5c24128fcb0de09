// SPDX-License-Identifier: Apache-2.0
import ProxyModel

extension CoreServices {
    /// What carries a session's datagrams as an outbound has planned it. Start it on the loop.
    /// - Throws: for plans that carry none.
    func packetLink(
        _ plan: PacketPlan, by outbound: Outbound, session: Session, on loop: LoopContext
    ) throws(DialError) -> any PacketLink {
        switch plan {
        case .socket(let plan):
            let target = plan.redirect?(session.target) ?? session.target
            if let carried = try carrierLink(of: outbound, to: target, session: session, on: loop) {
                return DivertedPacketLink(carried, plan: plan)
            }
            return UDPSocketLink(
                plan: plan, options: outbound.transport.socket, services: self, loop: loop, asker: session.asker)
        case .stream(let plan):
            return StreamPacketLink(plan: plan, outbound: outbound, session: session, services: self, loop: loop)
        case .relay(let plan):
            return RelayPacketLink(plan: plan, outbound: outbound, session: session, services: self, loop: loop)
        case .queries(let plan):
            let exchange = QueryExchange(plan, by: outbound, session: session, services: self, loop: loop)
            return QueryPacketLink(exchange, target: session.target)
        case .refuse(let why):
            throw DialError(description: why)
        case .discard, .reenter:
            throw DialError(
                description: "the outbound \(outbound.tag) (\(outbound.proto.name)) carries no datagrams by itself")
        }
    }

    /// What carries an outbound's datagrams to one target in place of a socket (`proxySettings`, `dialerProxy`); nil where
    /// nothing does.
    func carrierLink(
        of outbound: Outbound, to target: Destination, session: Session, on loop: LoopContext
    ) throws(DialError) -> (any PacketLink)? {
        guard let tag = outbound.transport.carrierTag else { return nil }
        guard let carrier = outbounds.find(tag) else {
            throw DialError(description: "failed to get outbound handler with tag: \(tag)")
        }
        guard var session = session.carried(to: target) else {
            throw DialError(description: "the outbounds carry each other in a circle: \(outbound.tag) -> \(tag)")
        }
        // The server must not take them for the source's own datagrams, which may come to it as well.
        session.arrivesInDatagrams = false
        switch carrier.sharing(target) {
        case .muxed:
            guard let mux = loop.muxCarrier(for: session, by: carrier, self) else { break }
            return CarriedPacketLink(MuxPacketLink(mux, globalID: 0), by: carrier, isCounted: false)
        case .byProtocol(.refused(let why)):
            throw DialError(description: "the outbound \(tag) refuses to carry datagrams: \(why)")
        case .byProtocol(.shared), .byProtocol(.alone):
            break
        }
        let link = try packetLink(carrier.packets(for: session), by: carrier, session: session, on: loop)
        return CarriedPacketLink(link, by: carrier, isCounted: true)
    }
}
