// SPDX-License-Identifier: Apache-2.0
package import ProxyModel

/// What is known of a connection or of a source's datagrams when it is routed.
package struct Session: Sendable {
    /// The number in the log lines of this session.
    package var logID: UInt32
    package var inboundTag: String
    /// The name of what the inbound speaks (`vless`).
    package var inboundProtocol: String
    /// The inbound's protocol serves remote users; see ``InboundProtocol/servesRemoteUsers``.
    package var fromRemoteUser: Bool
    package var source: Endpoint
    package var local: Endpoint
    package var user: ProxyUser?
    /// The level whose policy applies.
    package var level: UInt32
    /// Where the session goes: what the client asked for, or the domain that was sniffed.
    package var target: Destination
    /// What the client asked for, which is what the access log tells.
    package private(set) var requestedTarget: Destination
    /// A sniffed address that only rules see.
    package var routeAddress: Address?
    /// The name of what was sniffed (`tls`); empty = nothing was.
    package var sniffedProtocol = ""
    /// Headers of a sniffed HTTP request, for rules.
    package var attributes: [String: String] = [:]
    package var vlessRoute: UInt16 = 0
    /// It came in as a stream inside of another connection.
    var isSubstream = false
    /// Each datagram came in one of its own, from the client's socket.
    package var arrivesInDatagrams = false
    /// How often the session was sent back to the router.
    private(set) var reentries = 0
    /// How many outbounds carry it.
    private var carriers = 0

    package init(
        logID: UInt32, inboundTag: String, inboundProtocol: String, fromRemoteUser: Bool, source: Endpoint,
        local: Endpoint, user: ProxyUser?, level: UInt32, target: Destination
    ) {
        self.logID = logID
        self.inboundTag = inboundTag
        self.inboundProtocol = inboundProtocol
        self.fromRemoteUser = fromRemoteUser
        self.source = source
        self.local = local
        self.user = user
        self.level = level
        self.target = target
        requestedTarget = target
    }

    /// The same session for another target that the client names.
    func to(_ target: Destination) -> Session {
        var session = self
        session.target = target
        session.requestedTarget = target
        return session
    }

    /// The session as if it had come in by another inbound; nothing is known of its content any more. Nil when it goes in
    /// circles.
    func reentering(_ inboundTag: String) -> Session? {
        guard reentries < Self.reentryLimit else { return nil }
        var session = self
        session.reentries += 1
        session.inboundTag = inboundTag
        session.routeAddress = nil
        session.sniffedProtocol = ""
        session.attributes = [:]
        return session
    }

    /// The session of an outbound's own datagrams to its server, for the outbound that carries them. Nil when they are carried
    /// in circles.
    func carried(to target: Destination) -> Session? {
        guard carriers < Self.reentryLimit else { return nil }
        var session = to(target)
        session.target.network = .udp
        session.carriers += 1
        return session
    }

    private static let reentryLimit = 16

    /// Rules may have the target's domain looked up: on the first way to the router only, as in the original.
    var resolvesForRules: Bool { reentries == 0 }

    /// The source as the access log writes it: with its network in front where it came by SOCKS or as a datagram.
    var accessLogSource: String {
        if target.network == .udp { return "udp:\(source)" }
        return inboundProtocol == "socks" || isSubstream ? "tcp:\(source)" : source.description
    }

    package var routingContext: RoutingContext {
        var context = RoutingContext()
        context.inboundTag = inboundTag
        context.network = target.network
        context.sourceIPs = [source.ip]
        context.sourcePort = source.port
        context.localIPs = [local.ip]
        context.localPort = local.port
        context.targetPort = target.port
        switch target.address {
        case .ip(let ip): context.targetIPs = [ip]
        case .domain(let name): context.targetDomain = name
        }
        if let name = routeAddress?.domain { context.targetDomain = name }
        context.sniffedProtocol = sniffedProtocol
        context.attributes = attributes
        context.user = user?.email ?? ""
        context.vlessRoute = vlessRoute
        return context
    }
}
