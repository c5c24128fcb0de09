// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Sniffing

/// The first datagrams of a source to one target, kept until it is known what they are and where they go. Confined to its event
/// loop.
final class PacketOpening {
    /// Datagrams that are looked at; more of them, or more bytes than a sniffer reads, end the sniffing, and nothing is lost.
    static let sniffedPackets = 16
    /// Datagrams and bytes that wait for a route after that; more are dropped, as a network would.
    private static let waitingPackets = 64
    private static let waitingBytes = 96 * 1024

    enum Progress {
        /// Nothing is known yet, or a route is being looked for.
        case waits
        /// Nothing more can be learnt from datagrams.
        case isSniffed(SniffedContent?)
    }

    /// Where the source sends them.
    let peer: Destination
    /// What the router is asked about.
    var session: Session
    let settings: SniffingSettings?
    private(set) var packets: [Packet] = []
    private var bytes = 0
    private var sniffer: DatagramSniffer?
    private var timer: Scheduled<Void>?

    /// - Parameter settings: Nil = nothing is sniffed.
    init(to peer: Destination, as session: Session, _ settings: SniffingSettings?) {
        self.peer = peer
        self.session = session
        self.settings = settings
        if let settings, !settings.metadataOnly { sniffer = DatagramSniffer() }
    }

    var isSniffing: Bool { sniffer != nil }

    func add(_ packet: Packet) -> Progress {
        guard packets.count < Self.waitingPackets, bytes + packet.payload.readableBytes <= Self.waitingBytes else {
            return .waits
        }
        packets.append(Packet(payload: packet.payload.kept, peer: packet.peer))
        bytes += packet.payload.readableBytes
        guard let verdict = sniffer?.look(at: packet.payload) else { return .waits }
        var found: SniffedContent?
        switch verdict {
        case .needsMore where packets.count < Self.sniffedPackets && bytes < SniffLimits.bytes: return .waits
        case .needsMore, .notThis: break
        case .found(let content): found = content
        }
        stopSniffing()
        return .isSniffed(found)
    }

    /// Sniffing ends at last when this is called back.
    func limit(on eventLoop: any EventLoop, _ body: @escaping () -> Void) {
        timer = eventLoop.assumeIsolated().scheduleTask(in: SniffingSettings.timeLimit, body)
    }

    func stopSniffing() {
        sniffer = nil
        timer?.cancel()
        timer = nil
    }
}
