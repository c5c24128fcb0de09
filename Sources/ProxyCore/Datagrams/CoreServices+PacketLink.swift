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
            return UDPSocketLink(plan: plan, services: self, loop: loop)
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
}
