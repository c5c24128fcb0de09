// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Synchronization

/// The sources that tell who they are (XUDP's global id): one that comes back within a minute, on whatever connection, is met
/// with the sockets that it had, so that far ends see one address.
///
/// A source stays on the event loop where it came in first. One lock around a dictionary for each session, none for a datagram.
final class XUDPSources: Sendable {
    struct Key: Hashable, Sendable {
        let globalID: UInt64
        /// Ids are the clients' own choice: nobody gets at another user's sockets. Users without an e-mail are one user here.
        let inbound: String
        let email: String
    }

    private struct Entry {
        let source: XUDPSource
        /// Sessions that have the source, or are about to.
        var holders: Int
    }

    private let entries = Mutex<[Key: Entry]>([:])

    /// The source of an id, for one more session; a new one for 0 and for an id that is not known.
    func hold(_ globalID: UInt64, of origin: Session, services: CoreServices, loop: LoopContext) -> XUDPSource {
        guard globalID != 0 else { return XUDPSource(key: nil, services: services, loop: loop) }
        let key = Key(globalID: globalID, inbound: origin.inboundTag, email: origin.user?.email ?? "")
        return entries.withLock { entries in
            var entry =
                entries[key] ?? Entry(source: XUDPSource(key: key, services: services, loop: loop), holders: 0)
            entry.holders += 1
            entries[key] = entry
            return entry.source
        }
    }

    /// A session of the source is over.
    func release(_ key: Key) {
        entries.withLock { $0[key]?.holders -= 1 }
    }

    /// Forgets a source that no session has; false where one has come meanwhile.
    func forget(_ key: Key) -> Bool {
        entries.withLock { entries in
            guard entries[key]?.holders == 0 else { return false }
            entries[key] = nil
            return true
        }
    }
}

/// A source of datagrams that comes in by mux sessions, one after the other. Confined to its event loop.
final class XUDPSource: @unchecked Sendable {  // confined to `loop.eventLoop`
    let loop: LoopContext
    private let key: XUDPSources.Key?
    private let services: CoreServices
    private var packets: PacketSession?
    private var session: XUDPAttachment?

    init(key: XUDPSources.Key?, services: CoreServices, loop: LoopContext) {
        self.key = key
        self.services = services
        self.loop = loop
    }

    /// Gives the source to a session; the one that has it loses it.
    func attach(_ session: XUDPAttachment, origin: Session, sniffing: SniffingSettings?) {
        self.session?.taken()
        self.session = session
        // The user may be another one by now than who came with the session before: removed, and added again.
        if let packets { return packets.become(origin, sniffing: sniffing) }
        let packets = PacketSession(services: services, loop: loop, origin: origin, sniffing: sniffing) {
            [weak self] packet in
            self?.session?.deliver(packet)
        }
        packets.onIdle = { [weak self] in self?.idle() }
        self.packets = packets
    }

    func send(_ packet: Packet, from session: XUDPAttachment) {
        guard self.session === session else { return }
        packets?.send(packet)
    }

    /// The session is over: the sockets stay until they have been silent for a minute, if the source may come back.
    func detach(_ session: XUDPAttachment) {
        if let key { services.xudp.release(key) }
        guard self.session === session else { return }
        self.session = nil
        if key == nil || packets?.hasFlows != true { leave() }
    }

    private func idle() {
        if let session { session.taken() } else { leave() }
    }

    private func leave() {
        if let key, !services.xudp.forget(key) { return }
        packets?.close()
        packets = nil
    }
}

/// What a mux session has of a source, which may live on another event loop. Its verbs are called on the session's loop, but
/// for those that the source calls.
final class XUDPAttachment: @unchecked Sendable {  // `packets` is confined to `loop.eventLoop`, the counts are atomic
    /// Datagrams on their way between two loops, in one direction; more are dropped, as behind any full queue.
    private static let inFlightLimit = 256

    private let packets: MuxPackets
    private let source: XUDPSource
    private let loop: LoopContext
    private let up = Atomic<Int>(0)
    private let down = Atomic<Int>(0)

    /// Takes the source over.
    init(
        _ packets: MuxPackets, to source: XUDPSource, origin: Session, sniffing: SniffingSettings?, loop: LoopContext
    ) {
        self.packets = packets
        self.source = source
        self.loop = loop
        Self.run(on: source.loop) { [self] in source.attach(self, origin: origin, sniffing: sniffing) }
    }

    func send(_ packet: Packet) {
        guard !source.loop.eventLoop.inEventLoop else { return source.send(packet, from: self) }
        guard Self.enter(up) else { return }
        source.loop.eventLoop.execute { [self] in
            up.subtract(1, ordering: .relaxed)
            source.send(packet, from: self)
        }
    }

    func close() {
        Self.run(on: source.loop) { [self] in source.detach(self) }
    }

    // MARK: The source's verbs

    func deliver(_ packet: Packet) {
        guard !loop.eventLoop.inEventLoop else { return packets.send(packet) }
        guard Self.enter(down) else { return }
        loop.eventLoop.execute { [self] in
            down.subtract(1, ordering: .relaxed)
            packets.send(packet)
        }
    }

    /// Another session has the source now, or it is over.
    func taken() {
        Self.run(on: loop) { [self] in packets.close() }
    }

    private static func enter(_ inFlight: borrowing Atomic<Int>) -> Bool {
        if inFlight.add(1, ordering: .relaxed).newValue <= inFlightLimit { return true }
        inFlight.subtract(1, ordering: .relaxed)
        return false
    }

    private static func run(on loop: LoopContext, _ body: @escaping @Sendable () -> Void) {
        if loop.eventLoop.inEventLoop { body() } else { loop.eventLoop.execute(body) }
    }
}
