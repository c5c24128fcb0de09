// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// An accepted connection from its first byte to its last, as a row of phases (see ``StreamPhase``): handshake, sniffing,
/// routing, then one for each thing that an outbound can do. Once both ends relay by themselves this object only waits for them to close.
/// Confined to its event loop.
///
/// ## Who ends it
/// Nobody holds a connection for as long as he likes. From the first byte to the last it has a **deadline** or a **flow**, which
/// the loop ends when it idles, and which can be found and closed; ``enter(_:)`` and each sweep of the loop assert it:
/// * Handshake, then sniffing and routing, have a deadline, until ``adopt(_:)`` puts a flow in its place.
/// * A phase that waits for something of its own gives the flow a deadline beside its idle limit: a server's answer to the greeting,
///   a first session in a mux connection.
/// * With ``leaveToDatagrams()`` the rule is kept by a ``PacketSession``, which has flows or a deadline in the same way.
/// * An end in good order (``finish()``) has a time limit, because the client may not take what is left for it.
///
/// Before the first byte the transport's deadline holds (``TransportGate``), and where streams share a connection the one that
/// carries them has its own (``GRPCLifetime``, ``MuxServerPhase``). Connections that are dialled follow: those of a flow end with it,
/// others are ``DialledConnection``s.
final class StreamSession: StreamEndOwner, Expiring, @unchecked Sendable {  // confined to `loop.eventLoop`
    let services: CoreServices
    let inbound: Inbound
    let loop: LoopContext
    let end: StreamEnd
    let accepted: AcceptedConnection
    let logID: UInt32
    /// The connection is a stream inside of another one.
    let isSubstream: Bool
    /// The far side, while it is open.
    var outboundEnd: StreamEnd?
    /// Set once the session is routed.
    private(set) var flow: Flow?
    /// When the phase has to be over; nil where the flow's idle limit is enough.
    private(set) var deadline: NIODeadline?
    /// A ``PacketSession`` keeps the connection.
    private var isLeftToDatagrams = false
    /// The client is only waited for to take the rest.
    private var isEnding = false
    private var phase: (any StreamPhase)?
    /// What has arrived from the client is being shown to the phases.
    private(set) var isFeeding = false

    init(
        services: CoreServices, inbound: Inbound, loop: LoopContext, end: StreamEnd, accepted: AcceptedConnection,
        isSubstream: Bool = false
    ) {
        self.services = services
        self.inbound = inbound
        self.loop = loop
        self.end = end
        self.accepted = accepted
        self.logID = loop.nextLogID()
        self.isSubstream = isSubstream
    }

    /// How long sniffing and the look-ups of rules may take; the resolver gives up long before.
    static let routingLimit = TimeAmount.seconds(30)
    /// How long the client may take what is left for it, where no flow's limit holds.
    private static let drainLimit = TimeAmount.seconds(10)

    /// - Parameter handshake: Reads the request; nil = as the inbound's protocol does.
    func start(_ handshake: (any StreamHandshake)? = nil) {
        loop.track(self)
        limit(to: .seconds(Int64(services.policy.level(inbound.proto.userLevel).handshake)))
        phase = HandshakePhase(self, handshake ?? inbound.proto.accept(accepted))
        // Some protocols know their target without a byte from the client (dokodemo-door).
        var nothing = ByteBuffer()
        received(&nothing, on: end)
    }

    func enter(_ next: any StreamPhase) {
        guard end.isOpen else { return }
        phase = next
        next.begin()
        assert(isBounded, "\(type(of: next)) has neither a deadline nor a flow")
        // Inside of `received` the next phase gets what the one before has left.
        if !isFeeding { end.offerPending() }
    }

    // MARK: Who ends it

    /// The phase has to be over in this time.
    func limit(to time: TimeAmount) {
        isLeftToDatagrams = false
        deadline = loop.now + time
    }

    /// What the phase has waited for is there: the flow's idle limit is enough.
    func unlimit() {
        assert(flow != nil, "nothing else would end the connection")
        deadline = nil
    }

    /// From here on a ``PacketSession`` ends the connection, by ``finish()``.
    func leaveToDatagrams() {
        isLeftToDatagrams = true
        deadline = nil
    }

    /// Takes the flow that the session was routed to; it is closed with the session, and the session with it.
    func adopt(_ flow: Flow) {
        self.flow = flow
        deadline = nil
        flow.closer = { [weak self] in self?.abort() }
        flow.isDraining = { [weak self] in
            guard let self else { return false }
            return end.isDraining || outboundEnd?.isDraining ?? false
        }
    }

    func reject(_ reason: String) {
        services.reject(
            reason, inbound: inbound.tag, proto: inbound.proto.name, source: accepted.source, session: logID)
    }

    /// Cuts both sides.
    func abort() {
        end.abort()
        outboundEnd?.abort()
    }

    /// Ends the client's connection behind everything that was sent on it. What the client does not take in time is lost.
    func finish() {
        isEnding = true
        if flow == nil { limit(to: Self.drainLimit) } else { deadline = nil }
        end.finish()
    }

    /// Ends the client's connection because the far side failed it. A stream inside of a connection says so.
    func fail() {
        if isSubstream { end.abort() } else { finish() }
    }

    func expire() {
        deadline = nil
        if !isEnding { phase?.expired() }
        abort()
    }

    var isBounded: Bool { !end.isOpen || deadline != nil || flow != nil || isLeftToDatagrams }

    /// The far side is closed.
    func outboundClosed() {
        outboundEnd = nil
        if end.isOpen { finish() } else { removeFlow() }
    }

    private func removeFlow() {
        guard let flow else { return }
        self.flow = nil
        flow.closer = nil
        flow.isDraining = nil
        loop.remove(flow)
    }

    // MARK: StreamEndOwner

    func received(_ buffer: inout ByteBuffer, on end: StreamEnd) {
        isFeeding = true
        defer { isFeeding = false }
        while let current = phase {
            current.received(&buffer)
            if phase === current { return }
        }
    }

    func inputEnded(on end: StreamEnd) {
        phase?.inputEnded()
    }

    func writabilityChanged(on end: StreamEnd) {
        phase?.writabilityChanged()
    }

    func closed(_ end: StreamEnd) {
        loop.untrack(self)
        let last = phase
        phase = nil
        last?.connectionClosed()
        if let outboundEnd { outboundEnd.finish() } else { removeFlow() }
    }
}
