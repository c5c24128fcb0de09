// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import NIOCore
import ProxyModel
import Telemetry

/// One live stream, or one source's datagrams through one outbound: what is counted, listed, limited and closed.
///
/// Confined to its event loop.
final class Flow {
    let id: UInt64
    let session: Session
    let outboundTag: String
    let policy: LevelPolicy
    let openedAt: NIODeadline

    private(set) var uplink: Int64 = 0
    private(set) var downlink: Int64 = 0
    private let uplinkCounter: Counter?
    private let downlinkCounter: Counter?
    /// Where the source is counted as online while the flow lives.
    let onlineMap: OnlineMap?

    /// When the last payload moved, on the loop's coarse clock.
    var lastActivity: NIODeadline
    /// How long the flow may be silent before it is ended.
    var idleLimit: TimeAmount
    /// Cuts the flow's sockets, for ``close()``; set by their owner.
    var closer: (() -> Void)?
    /// The far side is a server of this process, the API: no selector names such a flow, because a client that closes all
    /// flows would cut off its own answer.
    var isServed = false
    /// Tells whether bytes wait to be sent to a peer although no more will come; set by the sockets' owner.
    var isDraining: (() -> Bool)?
    /// The idle limit that applies again when those bytes have left.
    private var limitAfterDrain: TimeAmount?

    init(
        id: UInt64, session: Session, outboundTag: String, policy: LevelPolicy, idleLimit: TimeAmount, now: NIODeadline,
        uplinkCounter: Counter?, downlinkCounter: Counter?, onlineMap: OnlineMap?
    ) {
        self.id = id
        self.session = session
        self.outboundTag = outboundTag
        self.policy = policy
        self.idleLimit = idleLimit
        self.openedAt = now
        self.lastActivity = now
        self.uplinkCounter = uplinkCounter
        self.downlinkCounter = downlinkCounter
        self.onlineMap = onlineMap
    }

    func countUplink(_ bytes: Int, now: NIODeadline) {
        uplink &+= Int64(bytes)
        uplinkCounter?.add(bytes)
        lastActivity = now
    }

    func countDownlink(_ bytes: Int, now: NIODeadline) {
        downlink &+= Int64(bytes)
        downlinkCounter?.add(bytes)
        lastActivity = now
    }

    func isIdle(at now: NIODeadline) -> Bool {
        now - lastActivity >= idleLimit
    }

    /// Gives an idle flow `connectionIdle` to send what waits: a peer that reads slowly shall get the end of its download.
    /// False when nothing waits, or when the time was given before.
    func waitsForDrain(now: NIODeadline) -> Bool {
        guard limitAfterDrain == nil, let isDraining, isDraining() else { return false }
        limitAfterDrain = idleLimit
        idleLimit = .seconds(Int64(policy.connectionIdle))
        lastActivity = now
        return true
    }

    func drained(now: NIODeadline) {
        guard let limit = limitAfterDrain else { return }
        idleLimit = limit
        lastActivity = now
    }

    /// Cuts the flow's sockets; it leaves the table with them.
    func close() { closer?() }

    var summary: FlowSummary {
        FlowSummary(
            id: id, inbound: session.inboundTag, outbound: outboundTag, email: session.user?.email ?? "",
            source: session.source, target: session.target)
    }

    func report(now: NIODeadline) -> FlowReport {
        FlowReport(
            summary: summary, uplink: uplink, downlink: downlink,
            age: Double((now - openedAt).nanoseconds) / 1e9)
    }

    func matches(_ selector: FlowSelector) -> Bool {
        if isServed { return false }
        if let inbound = selector.inbound, inbound != session.inboundTag { return false }
        if let outbound = selector.outbound, outbound != outboundTag { return false }
        if let source = selector.source, source != session.source.ip { return false }
        if let email = selector.email, email.lowercased() != session.user?.email.lowercased() { return false }
        return true
    }
}
