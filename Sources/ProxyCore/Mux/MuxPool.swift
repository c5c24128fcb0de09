// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel

/// The mux connections of one outbound on one event loop: a session takes the first one with room, or opens another.
/// Confined to its event loop.
final class MuxPool {
    private let outbound: Outbound
    private let services: CoreServices
    private let loop: LoopContext
    private let concurrency: Int
    private var carriers: [MuxCarrier] = []
    var onEmpty: (() -> Void)?

    init(outbound: Outbound, services: CoreServices, loop: LoopContext, concurrency: Int) {
        self.outbound = outbound
        self.services = services
        self.loop = loop
        self.concurrency = concurrency
    }

    /// A connection that takes one more session; nil when the outbound cannot carry any.
    func carrier(for session: Session) -> MuxCarrier? {
        if let carrier = carriers.first(where: \.hasRoom) { return carrier }
        var shared = session.to(.mux)
        shared.target.network = .tcp
        guard case .dial(let plan) = outbound.stream(for: shared) else { return nil }
        let carrier = MuxCarrier(
            plan, session: shared, outbound: outbound, services: services, loop: loop, concurrency: concurrency)
        carrier.onClose = { [weak self, weak carrier] in
            guard let self else { return }
            carriers.removeAll { $0 === carrier }
            if carriers.isEmpty { onEmpty?() }
        }
        carriers.append(carrier)
        carrier.start()
        return carrier
    }
}

extension LoopContext {
    /// A mux connection for a session through this outbound; nil when it has a connection, or a socket, of its own.
    func muxCarrier(for session: Session, by outbound: Outbound, _ services: CoreServices) -> MuxCarrier? {
        guard let mux = outbound.mux else { return nil }
        let isPacket = session.target.network == .udp
        if isPacket, session.target.port == 443, mux.udp443 == .skip { return nil }
        switch mux.packets {
        case .together(let limit) where isPacket:
            return pool(outbound, services, forPackets: true, limit: limit).carrier(for: session)
        case .apart where isPacket:
            return nil
        case .together, .apart, .amongStreams:
            return mux.streams.flatMap { pool(outbound, services, forPackets: false, limit: $0).carrier(for: session) }
        }
    }

    private func pool(
        _ outbound: Outbound, _ services: CoreServices, forPackets: Bool, limit: Int
    ) -> MuxPool {
        let key = MuxPoolKey(outbound: ObjectIdentifier(outbound), forPackets: forPackets)
        if let pool = muxPools[key] { return pool }
        let pool = MuxPool(outbound: outbound, services: services, loop: self, concurrency: limit)
        // An outbound that was taken out is let go with its last connection.
        pool.onEmpty = { [weak self] in self?.muxPools[key] = nil }
        muxPools[key] = pool
        return pool
    }
}

struct MuxPoolKey: Hashable {
    let outbound: ObjectIdentifier
    /// Datagrams have connections of their own where the configuration says so.
    let forPackets: Bool
}
