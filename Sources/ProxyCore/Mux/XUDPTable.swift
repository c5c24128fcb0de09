// SPDX-License-Identifier: Apache-2.0
import ProxyModel

/// A source of datagrams that comes in by mux sessions, one after the other. Confined to its event loop.
final class XUDPSource {
    fileprivate let key: XUDPTable.Key?
    let packets: PacketSession
    private let outlet: Outlet
    /// Ends the session that has the source, because another one takes it over.
    var onTaken: (() -> Void)?

    private final class Outlet {
        var deliver: ((Packet) -> Void)?
    }

    fileprivate init(
        key: XUDPTable.Key?, services: CoreServices, loop: LoopContext, origin: Session, sniffing: SniffingSettings?
    ) {
        self.key = key
        let outlet = Outlet()
        self.outlet = outlet
        packets = PacketSession(services: services, loop: loop, origin: origin, sniffing: sniffing) {
            outlet.deliver?($0)
        }
    }

    /// Where datagrams go that come back; nil while no session is there to take them.
    var deliver: ((Packet) -> Void)? {
        get { outlet.deliver }
        set { outlet.deliver = newValue }
    }
}

/// The sources that tell who they are (XUDP's global id): one that comes back within a minute, on whatever connection of the
/// same event loop, is met with the sockets that it had, so that far ends see one address. Confined to its event loop.
final class XUDPTable {
    fileprivate struct Key: Hashable {
        let globalID: UInt64
        /// Ids are the clients' own choice: nobody gets at another user's sockets.
        let inbound: String
        let email: String
    }

    private var sources: [Key: XUDPSource] = [:]

    /// The source of an id; a new one for 0 and for an id that is not known. A session that has it loses it.
    func take(
        _ globalID: UInt64, of origin: Session, sniffing: SniffingSettings?, services: CoreServices, loop: LoopContext
    ) -> XUDPSource {
        guard globalID != 0 else {
            return XUDPSource(key: nil, services: services, loop: loop, origin: origin, sniffing: sniffing)
        }
        let key = Key(globalID: globalID, inbound: origin.inboundTag, email: origin.user?.email ?? "")
        if let known = sources[key] {
            let onTaken = known.onTaken
            known.onTaken = nil
            onTaken?()
            return known
        }
        let source = XUDPSource(key: key, services: services, loop: loop, origin: origin, sniffing: sniffing)
        sources[key] = source
        return source
    }

    /// The session of a source has ended: its sockets stay until they have been silent for a minute, if it may come back.
    func leave(_ source: XUDPSource) {
        source.deliver = nil
        source.onTaken = nil
        guard source.key != nil, source.packets.hasFlows else { return forget(source) }
        source.packets.onIdle = { [weak self, weak source] in
            if let source { self?.forget(source) }
        }
    }

    private func forget(_ source: XUDPSource) {
        if let key = source.key { sources[key] = nil }
        source.packets.close()
    }
}
