// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Sniffing
import Telemetry

/// The datagrams of one source: each target is routed by the rules once, and all targets that go to the same outbound share
/// one flow and one socket there, so that the far ends see one address (full cone); where an outbound's protocol names a
/// target only once, each target has a flow of its own. Confined to its event loop.
///
/// While it has no flow it has a deadline: somebody who sends nothing, or nothing that goes anywhere, is not waited for.
final class PacketSession: Expiring {
    private struct FlowKey: Hashable {
        let outbound: ObjectIdentifier
        /// In one of the outbound's mux connections.
        var isMuxed = false
        /// Nil for a flow that serves all targets.
        var target: Destination?
    }

    /// How long a source may be silent before its sockets are given up.
    static let idleLimit = TimeAmount.seconds(60)
    /// Targets whose routes are remembered; beyond it they are routed anew.
    private static let rememberedTargets = 1024
    /// Flows of one source; datagrams that would need another are dropped until one has fallen silent.
    private static let flowLimit = 256
    /// Targets whose route is being looked for; datagrams to others are dropped meanwhile.
    private static let openingLimit = 256

    private let services: CoreServices
    private let loop: LoopContext
    private var origin: Session
    private var sniffing: SniffingSettings?
    /// How long it waits for a flow.
    private var patience: TimeAmount
    /// Of its flows; another one when no more comes from the source.
    private var idleLimit = PacketSession.idleLimit
    /// Takes datagrams that come back; `peer` is where they come from.
    private let deliver: (Packet) -> Void
    private var openings: [Destination: PacketOpening] = [:]
    private var routes: [Destination: PacketFlow] = [:]
    private var flows: [FlowKey: PacketFlow] = [:]
    private var isClosed = false
    private(set) var deadline: NIODeadline?
    /// Called when the last flow has ended, by itself or because it was closed, and when none has opened for `patience`.
    var onIdle: (() -> Void)?
    /// Called when datagrams were turned away by whom they were for, and nothing else is kept for this source.
    var onRefusal: (() -> Void)?

    /// Close it in the end.
    /// - Parameters:
    ///   - sniffing: Nil = nothing is sniffed.
    ///   - patience: How long it may have no flow.
    init(
        services: CoreServices, loop: LoopContext, origin: Session, sniffing: SniffingSettings?,
        patience: TimeAmount = PacketSession.idleLimit, deliver: @escaping (Packet) -> Void
    ) {
        self.services = services
        self.loop = loop
        self.origin = origin
        self.sniffing = sniffing
        self.patience = patience
        self.deliver = deliver
        waitForFlow()
    }

    private func waitForFlow() {
        deadline = loop.now + patience
        loop.track(self)
    }

    private func stopWaiting() {
        deadline = nil
        loop.untrack(self)
    }

    var isBounded: Bool { deadline != nil }

    func expire() {
        guard let onIdle else { return close() }
        // An owner that keeps it all the same is asked again.
        waitForFlow()
        onIdle()
    }

    func send(_ packet: Packet) {
        guard !isClosed else { return }
        if let flow = routes[packet.peer] {
            flow.send(packet)
        } else if let opening = openings[packet.peer] {
            if case .isSniffed(let content) = opening.add(packet) { route(opening, content) }
        } else {
            open([packet], to: packet.peer, as: origin.to(packet.peer), sniffing)
        }
    }

    /// From now on targets are routed as those of another session and settings. What there is goes on as it began.
    func become(_ origin: Session, sniffing: SniffingSettings?) {
        self.origin = origin
        self.sniffing = sniffing
    }

    /// Nothing more comes from the source: what comes back is waited for as long as no more than `limit` passes without.
    func endInput(_ limit: TimeAmount) {
        guard !isClosed else { return }
        idleLimit = limit
        patience = limit
        for flow in flows.values { flow.limitIdling(to: limit) }
        guard flows.isEmpty else { return }
        if openings.isEmpty { onIdle?() } else { waitForFlow() }
    }

    var hasFlows: Bool { !flows.isEmpty }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        stopWaiting()
        onIdle = nil
        onRefusal = nil
        for opening in openings.values { opening.stopSniffing() }
        openings = [:]
        for flow in flows.values { flow.close() }
        flows = [:]
        routes = [:]
    }

    // MARK: Opening

    private func open(
        _ packets: [Packet], to peer: Destination, as session: Session, _ sniffing: SniffingSettings?
    ) {
        guard openings.count < Self.openingLimit else { return }
        let opening = PacketOpening(to: peer, as: session, sniffing)
        openings[peer] = opening
        var content: SniffedContent?
        for packet in packets {
            if case .isSniffed(let found) = opening.add(packet) { content = found }
        }
        guard opening.isSniffing else { return route(opening, content) }
        opening.limit(on: loop.eventLoop) { [weak self] in self?.route(opening, nil) }
    }

    private func route(_ opening: PacketOpening, _ content: SniffedContent?) {
        guard openings[opening.peer] === opening else { return }
        opening.stopSniffing()
        if let content, let settings = opening.settings, let name = opening.session.take(content, settings) {
            services.log.write(
                .info, session: opening.session.logID, "app/dispatcher", "sniffed domain: \(name)")
        }
        services.route(opening.session, on: loop.eventLoop) { [weak self] route in self?.follow(route, opening) }
    }

    private func follow(_ route: CoreServices.Route, _ opening: PacketOpening) {
        guard openings[opening.peer] === opening else { return }
        openings[opening.peer] = nil
        services.logRoute(opening.session, route)
        guard let outbound = route.outbound, let flow = flow(by: outbound, opening) else {
            if flows.isEmpty, openings.isEmpty { onRefusal?() }
            return
        }
        if routes.count >= Self.rememberedTargets { routes.removeAll(keepingCapacity: true) }
        routes[opening.peer] = flow
        for packet in opening.packets { flow.send(packet) }
    }

    // MARK: Flows

    /// The flow for a target: one that there is, or another.
    private func flow(by outbound: Outbound, _ opening: PacketOpening) -> PacketFlow? {
        let session = opening.session
        var key = FlowKey(outbound: ObjectIdentifier(outbound))
        switch outbound.sharing(session.target) {
        case .muxed: key.isMuxed = true
        case .byProtocol(.shared): break
        case .byProtocol(.alone): key.target = opening.peer
        case .byProtocol(.refused(let why)):
            services.log.write(.info, session: session.logID, "proxy/\(outbound.proto.name)", why)
            return nil
        }
        var own = key
        own.target = opening.peer
        // What comes back from a domain that took the target's place has to look as if it came from the target.
        if session.target != opening.peer { key = own }
        if let flow = flows[own] ?? flows[key] { return flow }
        guard flows.count < Self.flowLimit else { return nil }
        return newFlow(opening, outbound, key)
    }

    private func newFlow(_ opening: PacketOpening, _ outbound: Outbound, _ key: FlowKey) -> PacketFlow? {
        var session = opening.session
        // One flow of a source has its id: a server gives the source to the last who names it.
        if key.target != nil { session.arrivesInDatagrams = false }
        if key.isMuxed, let carrier = loop.muxCarrier(for: session, by: outbound, services) {
            // The connection that carries them is counted.
            return start(
                MuxPacketLink(carrier, globalID: session.globalID), opening, outbound, key, isCounted: false)
        }
        let plan = outbound.packets(for: session)
        switch plan {
        case .discard:
            return start(nil, opening, outbound, key)
        case .reenter(let plan):
            if let again = session.reentering(plan.inboundTag) {
                open(opening.packets, to: opening.peer, as: again, plan.sniffing)
            } else {
                let why = "\(session.target) goes in circles through \(outbound.tag)"
                services.log.write(.warning, session: session.logID, "proxy/\(outbound.proto.name)", why)
            }
            return nil
        case .socket, .stream, .relay, .queries, .refuse:
            break
        }
        do {
            let link = try services.packetLink(plan, by: outbound, session: session, on: loop)
            return start(link, opening, outbound, key)
        } catch {
            services.log.write(.warning, session: session.logID, "proxy/\(outbound.proto.name)", "\(error)")
            return nil
        }
    }

    private func start(
        _ link: (any PacketLink)?, _ opening: PacketOpening, _ outbound: Outbound, _ key: FlowKey,
        isCounted: Bool = true
    ) -> PacketFlow? {
        let session = opening.session
        let flow = services.openFlow(session, outboundTag: outbound.tag, on: loop, idleLimit: idleLimit)
        let packets = PacketFlow(
            flow: flow, loop: loop, link: link, uplink: isCounted ? outbound.uplink : nil,
            downlink: isCounted ? outbound.downlink : nil, deliver: deliver)
        if session.target != opening.peer { packets.replacement = (opening.peer, session.target) }
        packets.onClose = { [weak self] in self?.flowClosed(key) }
        packets.onFailure = { [services] error in
            services.log.write(
                .info, session: session.logID, "proxy/\(outbound.proto.name)",
                "datagrams to \(session.target) ended > \(error)")
        }
        stopWaiting()
        flows[key] = packets
        packets.start()
        // It may have failed at once.
        return packets.isClosed ? nil : packets
    }

    private func flowClosed(_ key: FlowKey) {
        guard !isClosed else { return }
        guard let gone = flows.removeValue(forKey: key) else { return }
        routes = routes.filter { $0.value !== gone }
        guard flows.isEmpty else { return }
        waitForFlow()
        onIdle?()
    }
}
