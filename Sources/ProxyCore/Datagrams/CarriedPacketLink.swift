// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// Datagrams of an outbound that another one carries, counted for the one that carries them. Confined to its event loop.
final class CarriedPacketLink: PacketLink {
    private let link: any PacketLink
    private let uplink: Counter?
    private let downlink: Counter?

    init(_ link: any PacketLink, by carrier: Outbound, isCounted: Bool) {
        self.link = link
        uplink = isCounted ? carrier.uplink : nil
        downlink = isCounted ? carrier.downlink : nil
    }

    func start(receive: @escaping (Packet) -> Void, failed: @escaping (any Error) -> Void) {
        link.start(
            receive: { [downlink] packet in
                downlink?.add(packet.payload.readableBytes)
                receive(packet)
            }, failed: failed)
    }

    func send(_ packet: Packet) {
        uplink?.add(packet.payload.readableBytes)
        link.send(packet)
    }

    func close() { link.close() }
}

/// Datagrams that would leave by a socket of this machine, and that another outbound carries in its place. Confined to its
/// event loop.
final class DivertedPacketLink: PacketLink {
    private let link: any PacketLink
    private let plan: PacketSocketPlan

    init(_ link: any PacketLink, plan: PacketSocketPlan) {
        self.link = link
        self.plan = plan
    }

    func start(receive: @escaping (Packet) -> Void, failed: @escaping (any Error) -> Void) {
        link.start(receive: receive, failed: failed)
    }

    /// Addresses that the far end finds for a name are not asked about.
    func send(_ packet: Packet) {
        let target = plan.redirect?(packet.peer) ?? packet.peer
        if let ip = target.address.ip, !(plan.admits?(ip, target.port) ?? true) { return }
        link.send(Packet(payload: packet.payload, peer: target))
    }

    func close() { link.close() }
}
