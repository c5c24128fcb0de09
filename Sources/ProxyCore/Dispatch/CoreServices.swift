// SPDX-License-Identifier: Apache-2.0
import Foundation
import NIOCore
import ProxyModel
import Routing
import Synchronization
import Telemetry

/// What the data path uses of the core: shared by all event loops, immutable but for what guards itself.
final class CoreServices: Sendable {
    let policy: Policy
    let stats: StatsRegistry
    let log: CoreLog
    let events: EventBus
    let router: Router
    let outbounds: OutboundSet
    let resolver: Resolver
    let dialer: Dialer
    let decisions: RoutingFeed
    let rejections: RejectionCounts
    /// Sources of datagrams that came in by mux.
    let xudp = XUDPSources()
    private let wall: @Sendable () -> Date
    private let nextFlowID = Atomic<UInt64>(1)
    let publishesLogLines = Atomic<Bool>(false)

    init(
        policy: Policy, stats: StatsRegistry, log: CoreLog, events: EventBus, router: Router, outbounds: OutboundSet,
        resolver: Resolver, wall: @escaping @Sendable () -> Date
    ) {
        self.policy = policy
        self.stats = stats
        self.log = log
        self.events = events
        self.router = router
        self.outbounds = outbounds
        self.resolver = resolver
        self.wall = wall
        self.dialer = Dialer(resolver: resolver)
        self.decisions = RoutingFeed()
        self.rejections = RejectionCounts(stats: policy.countsRejections ? stats : nil)
    }

    /// A routed session: where it goes, and how the access log tells of it.
    struct Route: Sendable {
        var outbound: Outbound?
        /// `in -> out`, `in >> out` (default), or only `out`.
        var detour: String
        /// The tag that a rule named although no outbound has it.
        var missing: String?
        /// The user was removed after the connection was accepted.
        var isRefused = false
    }

    /// Picks the outbound; calls back on `eventLoop`, at once unless a rule wants the target's addresses.
    func route(_ session: Session, on eventLoop: any EventLoop, then body: @escaping (Route) -> Void) {
        let context = session.routingContext
        let pick = router.pick(context)
        guard case .needsResolution(let domain) = pick else {
            body(route(session, context, pick))
            return
        }
        guard session.resolvesForRules else {
            body(route(session, context, router.pick(context, resolved: [])))
            return
        }
        let bound = NIOLoopBound(body, eventLoop: eventLoop)
        resolver.lookUp(domain, for: session.asker, on: eventLoop).whenSuccess { [self] answer in
            var resolved: [IPAddress] = []
            switch answer {
            case .addresses(let addresses, _): resolved = addresses
            case .failed: break
            case .refused:
                log.write(
                    .info, session: session.logID, "app/router", "\(domain) not looked up for rules: \(NameAnswer.why)")
            }
            bound.value(route(session, context, router.pick(context, resolved: resolved)))
        }
    }

    /// Looks at the user's standing last: whoever gets an outbound here is in the table of flows before this turn of the event loop
    /// ends, where the one who removes the user and then closes the flows finds it.
    private func route(_ session: Session, _ context: RoutingContext, _ pick: RoutePick) -> Route {
        if session.user?.standing.isRemoved ?? false { return Route(outbound: nil, detour: "", isRefused: true) }
        let route: Route
        switch pick {
        case .outbound(let tag, _), .balanced(_, let tag, _):
            if let outbound = outbounds.find(tag) {
                route = Route(outbound: outbound, detour: Self.detour(session.inboundTag, "->", tag))
            } else {
                route = Route(outbound: nil, detour: "", missing: tag)
            }
        case .none, .exhausted, .needsResolution:
            let outbound = outbounds.defaultOutbound
            route = Route(outbound: outbound, detour: Self.detour(session.inboundTag, ">>", outbound?.tag ?? ""))
        }
        if decisions.hasReaders {
            decisions.publish(context, outboundTag: route.outbound?.tag ?? route.missing ?? "")
        }
        return route
    }

    private static func detour(_ inbound: String, _ arrow: String, _ outbound: String) -> String {
        guard !outbound.isEmpty else { return "" }
        return inbound.isEmpty ? outbound : "\(inbound) \(arrow) \(outbound)"
    }

    /// Writes what became of a session to the logs.
    func logRoute(_ session: Session, _ route: Route) {
        if route.isRefused {
            log.write(
                .info, session: session.logID, "app/dispatcher",
                "refused \(session.target): user \(session.user?.email ?? "") was removed")
            return
        }
        if let missing = route.missing {
            log.write(.warning, session: session.logID, "app/dispatcher", "non existing outTag: \(missing)")
        } else if let outbound = route.outbound {
            log.write(
                .info, session: session.logID, "app/dispatcher",
                "taking detour [\(outbound.tag)] for [\(session.target)]")
        } else {
            log.write(.info, session: session.logID, "app/dispatcher", "default outbound handler not exist")
        }
        guard log.accessEnabled else { return }
        log.access(
            AccessRecord(
                from: session.accessLogSource, accepted: true, to: session.requestedTarget.description,
                detour: route.detour,
                reason: "", email: session.fromRemoteUser ? session.user?.email ?? "" : ""))
    }

    /// Registers a flow: from here on it is counted, listed, and closed when it is idle.
    func openFlow(_ session: Session, outboundTag: String, on loop: LoopContext, idleLimit: TimeAmount? = nil) -> Flow {
        let level = policy.level(session.level)
        let email = session.user?.email ?? ""
        let online = level.tracksOnline && !email.isEmpty ? stats.onlineMap("user>>>\(email)>>>online") : nil
        let flow = Flow(
            id: nextFlowID.add(1, ordering: .relaxed).oldValue, session: session, outboundTag: outboundTag,
            policy: level, idleLimit: idleLimit ?? .seconds(Int64(level.connectionIdle)), now: loop.now,
            uplinkCounter: level.countsUplink && !email.isEmpty
                ? stats.counter("user>>>\(email)>>>traffic>>>uplink") : nil,
            downlinkCounter: level.countsDownlink && !email.isEmpty
                ? stats.counter("user>>>\(email)>>>traffic>>>downlink") : nil,
            onlineMap: online)
        loop.add(flow)
        if let online, online.add(session.source.ip, now: Int64(wall().timeIntervalSince1970)) {
            events.publish(.userOnline(email: email, source: session.source.ip))
        }
        if events.wants(.flows) { events.publish(.flowOpened(flow.summary)) }
        return flow
    }

    /// The other end of `openFlow`, called by the loop's table.
    func flowRemoved(_ flow: Flow) {
        if let online = flow.onlineMap, online.remove(flow.session.source.ip) {
            events.publish(.userOffline(email: flow.session.user?.email ?? "", source: flow.session.source.ip))
        }
        if events.wants(.flows) {
            events.publish(.flowClosed(flow.summary, uplink: flow.uplink, downlink: flow.downlink))
        }
    }

    /// Counts a datagram that is dropped. Anybody can send any number of them, so the log tells of them once a second for each
    /// reason. Thread-safe.
    func rejectDatagram(_ reason: String, inbound: String, proto: String, source: Endpoint) {
        guard let others = rejections.countDatagram(inbound: inbound, reason: reason, now: .now()) else { return }
        if events.wants(.flows) {
            events.publish(.connectionRejected(inbound: inbound, source: source.ip, reason: reason))
        }
        let more = others == 0 ? "" : ", and \(others) before it"
        log.write(.info, "proxy/\(proto)", "dropped a datagram from \(source) to \(inbound): \(reason)\(more)")
    }

    /// - Parameter detail: More than the reason, for the log only.
    func reject(
        _ reason: String, detail: String = "", inbound: String, proto: String, source: Endpoint, session: UInt32
    ) {
        rejections.count(inbound: inbound, reason: reason)
        if events.wants(.flows) {
            events.publish(.connectionRejected(inbound: inbound, source: source.ip, reason: reason))
        }
        let why = detail.isEmpty ? reason : "\(reason): \(detail)"
        log.write(.info, session: session, "proxy/\(proto)", "rejected a connection from \(source): \(why)")
        guard log.accessEnabled else { return }
        log.access(
            AccessRecord(
                from: source.description, accepted: false, to: "", detour: "", reason: "proxy/\(proto): \(reason)",
                email: ""))
    }
}
