// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// The datagrams of one source: each target is routed by the rules once, and all targets that go to the same outbound share
/// one flow and one socket there, so that the far ends see one address (full cone); where an outbound's protocol names a
/// target only once, each target has a flow of its own. Confined to its event loop.
final class PacketSession {
    private struct FlowKey: Hashable {
        let outbound: ObjectIdentifier
        /// Nil for a flow that serves all targets.
        var target: Destination?
    }

    /// How long a source may be silent before its sockets are given up.
    static let idleLimit = TimeAmount.seconds(60)
    /// Targets whose routes are remembered; beyond it they are routed anew.
    private static let rememberedTargets = 1024
    /// Flows of one source; datagrams that would need another are dropped until one has fallen silent.
    private static let flowLimit = 256

    private let services: CoreServices
    private let loop: LoopContext
    private let origin: Session
    /// Takes datagrams that come back; `peer` is where they come from.
    private let deliver: (Packet) -> Void
    private var routes: [Destination: PacketFlow] = [:]
    private var flows: [FlowKey: PacketFlow] = [:]
    private var isClosed = false
    private var globalID: UInt64 { XUDPCodec.globalID(of: origin.source) }
    /// Called when the last flow has ended by itself.
    var onIdle: (() -> Void)?

    init(services: CoreServices, loop: LoopContext, origin: Session, deliver: @escaping (Packet) -> Void) {
        self.services = services
        self.loop = loop
        self.origin = origin
        self.deliver = deliver
    }

    func send(_ packet: Packet) {
        guard !isClosed else { return }
        if let flow = routes[packet.peer] {
            flow.send(packet)
            return
        }
        route(origin.to(packet.peer), packet)
    }

    var hasFlows: Bool { !flows.isEmpty }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        onIdle = nil
        for flow in flows.values { flow.close() }
        flows = [:]
        routes = [:]
    }

    private func route(_ session: Session, _ packet: Packet) {
        services.route(session, on: loop.eventLoop) { [weak self] route in
            self?.follow(route, session: session, packet: packet)
        }
    }

    private func follow(_ route: CoreServices.Route, session: Session, packet: Packet) {
        guard !isClosed else { return }
        services.logRoute(session, route)
        guard let outbound = route.outbound else { return }
        let shared = FlowKey(outbound: ObjectIdentifier(outbound))
        let own = FlowKey(outbound: shared.outbound, target: packet.peer)
        guard let flow = flows[shared] ?? flows[own] ?? open(session, outbound: outbound, packet) else { return }
        if routes.count >= Self.rememberedTargets { routes.removeAll(keepingCapacity: true) }
        routes[packet.peer] = flow
        flow.send(packet)
    }

    private func open(_ session: Session, outbound: Outbound, _ packet: Packet) -> PacketFlow? {
        guard flows.count < Self.flowLimit else { return nil }
        var key = FlowKey(outbound: ObjectIdentifier(outbound))
        if outbound.mux?.packets != nil, session.target.port == 443, outbound.mux?.udp443 == .reject {
            services.log.write(.info, session: session.logID, "app/proxyman/outbound", "XUDP rejected UDP/443 traffic")
            return nil
        }
        if let carrier = loop.muxCarrier(for: session, by: outbound, services) {
            // The connection that carries them is counted.
            return start(MuxPacketLink(carrier, globalID: globalID), session, outbound, key, isCounted: false)
        }
        let plan = outbound.packets(for: session)
        switch plan {
        case .stream(let stream):
            if !stream.servesAllTargets { key.target = session.target }
        case .queries:
            key.target = session.target
        case .socket, .relay, .refuse:
            break
        case .discard:
            return start(nil, session, outbound, key)
        case .reenter(let plan):
            if let again = session.reentering(plan.inboundTag) {
                self.route(again, packet)
            } else {
                let why = "\(session.target) goes in circles through \(outbound.tag)"
                services.log.write(.warning, session: session.logID, "proxy/\(outbound.proto.name)", why)
            }
            return nil
        }
        do {
            let link = try services.packetLink(plan, by: outbound, session: session, on: loop)
            return start(link, session, outbound, key)
        } catch {
            services.log.write(.warning, session: session.logID, "proxy/\(outbound.proto.name)", "\(error)")
            return nil
        }
    }

    private func start(
        _ link: (any PacketLink)?, _ session: Session, _ outbound: Outbound, _ key: FlowKey, isCounted: Bool = true
    ) -> PacketFlow {
        let flow = services.openFlow(session, outboundTag: outbound.tag, on: loop, idleLimit: Self.idleLimit)
        let packets = PacketFlow(
            flow: flow, loop: loop, link: link, uplink: isCounted ? outbound.uplink : nil,
            downlink: isCounted ? outbound.downlink : nil, deliver: deliver)
        packets.onClose = { [weak self] in self?.left(key) }
        packets.onFailure = { [services] error in
            services.log.write(
                .info, session: session.logID, "proxy/\(outbound.proto.name)",
                "datagrams to \(session.target) ended > \(error)")
        }
        flows[key] = packets
        packets.start()
        return packets
    }

    private func left(_ key: FlowKey) {
        guard !isClosed else { return }
        guard let gone = flows.removeValue(forKey: key) else { return }
        routes = routes.filter { $0.value !== gone }
        if flows.isEmpty { onIdle?() }
    }
}
