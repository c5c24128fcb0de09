// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// An accepted connection from its first byte to its last, as a row of phases (see ``StreamPhase``): handshake, sniffing,
/// routing, then one for each thing that an outbound can do. Once both ends relay by themselves this object only waits for them to close.
/// Confined to its event loop.
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
    /// When the phase has to be over.
    var deadline: NIODeadline?
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

    /// - Parameter handshake: Reads the request; nil = as the inbound's protocol does.
    func start(_ handshake: (any StreamHandshake)? = nil) {
        loop.track(self)
        let limit = services.policy.level(inbound.proto.userLevel).handshake
        deadline = loop.now + .seconds(Int64(limit))
        phase = HandshakePhase(self, handshake ?? inbound.proto.accept(accepted))
        // Some protocols know their target without a byte from the client (dokodemo-door).
        var nothing = ByteBuffer()
        received(&nothing, on: end)
    }

    func enter(_ next: any StreamPhase) {
        guard end.isOpen else { return }
        phase = next
        next.begin()
        // Inside of `received` the next phase gets what the one before has left.
        if !isFeeding { end.offerPending() }
    }

    /// Takes the flow that the session was routed to; it is closed with the session, and the session with it.
    func adopt(_ flow: Flow) {
        self.flow = flow
        flow.onClose = { [weak self] in self?.abort() }
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

    /// Ends the client's connection because the far side failed it. A stream inside of a connection says so.
    func fail() {
        if isSubstream { end.abort() } else { end.finish() }
    }

    func expire() {
        deadline = nil
        phase?.expired()
        abort()
    }

    /// The far side is closed.
    func outboundLeft() {
        outboundEnd = nil
        if end.isOpen { end.finish() } else { leaveFlow() }
    }

    private func leaveFlow() {
        guard let flow else { return }
        self.flow = nil
        flow.onClose = nil
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
        last?.left()
        if let outboundEnd { outboundEnd.finish() } else { leaveFlow() }
    }
}
