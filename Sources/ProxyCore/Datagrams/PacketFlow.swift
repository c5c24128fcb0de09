// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// Carries the datagrams of a flow to their targets and back; confined to its event loop.
protocol PacketLink: AnyObject {
    func start(receive: @escaping (Packet) -> Void, failed: @escaping (any Error) -> Void)
    func send(_ packet: Packet)
    func close()
}

/// The datagrams of one source through one outbound, counted and listed like any flow. Confined to its event loop.
final class PacketFlow {
    private let flow: Flow
    private let loop: LoopContext
    /// Nil where datagrams are swallowed.
    private let link: (any PacketLink)?
    private let uplink: Counter?
    private let downlink: Counter?
    private let deliver: (Packet) -> Void
    private(set) var isClosed = false
    /// The only target of the source, and what takes its place at the far side.
    var replacement: (target: Destination, by: Destination)?
    var onClose: (() -> Void)?
    /// Called before `onClose` when the link ended the flow.
    var onFailure: ((any Error) -> Void)?

    init(
        flow: Flow, loop: LoopContext, link: (any PacketLink)?, uplink: Counter?, downlink: Counter?,
        deliver: @escaping (Packet) -> Void
    ) {
        self.flow = flow
        self.loop = loop
        self.link = link
        self.uplink = uplink
        self.downlink = downlink
        self.deliver = deliver
    }

    func start() {
        flow.closer = { [weak self] in self?.close() }
        link?.start(
            receive: { [weak self] packet in self?.received(packet) },
            failed: { [weak self] error in
                guard let self, !isClosed else { return }
                onFailure?(error)
                close()
            })
    }

    func send(_ packet: Packet) {
        guard !isClosed else { return }
        let bytes = packet.payload.readableBytes
        flow.countUplink(bytes, now: loop.now)
        guard let link else { return }
        uplink?.add(bytes)
        guard let replacement else { return link.send(packet) }
        link.send(Packet(payload: packet.payload, peer: replacement.by))
    }

    func limitIdling(to limit: TimeAmount) {
        flow.idleLimit = limit
        flow.lastActivity = loop.now
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        link?.close()
        flow.closer = nil
        loop.remove(flow)
        onFailure = nil
        onClose?()
        onClose = nil
    }

    private func received(_ packet: Packet) {
        guard !isClosed else { return }
        let bytes = packet.payload.readableBytes
        downlink?.add(bytes)
        flow.countDownlink(bytes, now: loop.now)
        guard let replacement else { return deliver(packet) }
        deliver(Packet(payload: packet.payload, peer: replacement.target))
    }
}
