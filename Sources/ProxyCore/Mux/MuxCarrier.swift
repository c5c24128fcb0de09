// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// A client's mux connection: dialled with its first session, closed when it has had none for a while. Confined to its event
/// loop.
final class MuxCarrier {
    /// Sessions that one connection carries in its life: a long-lived one would stand out.
    private static let lifetimeLimit: UInt16 = 128
    /// Without sessions; half as long again at most, so that connections do not all end at once.
    private static let idleLimit = TimeAmount.seconds(16)

    private let plan: DialPlan
    private let session: Session
    private let outbound: Outbound
    private let services: CoreServices
    private let loop: LoopContext
    private let concurrency: Int
    private let connection: DialledConnection
    private let link: MuxLink
    private var lastID: UInt16 = 0
    var onClose: (() -> Void)?

    init(
        _ plan: DialPlan, session: Session, outbound: Outbound, services: CoreServices, loop: LoopContext,
        concurrency: Int
    ) {
        self.plan = plan
        self.session = session
        self.outbound = outbound
        self.services = services
        self.loop = loop
        self.concurrency = concurrency
        connection = DialledConnection(
            plan, by: outbound, session: session, services: services, loop: loop, isCounted: true)
        link = MuxLink(end: connection.end, loop: loop, queueLimit: services.policy.level(session.level).bufferSize)
    }

    var hasRoom: Bool { !link.isClosed && link.count < concurrency && lastID < Self.lifetimeLimit }

    func start() {
        link.onChange = { [weak self] in self?.sessionsChanged() }
        connection.onOpen = { [weak self] said in self?.opened(behind: said) }
        connection.onReceive = { [link] buffer in try link.received(&buffer) }
        connection.onWritable = { [link] in link.writabilityChanged() }
        connection.onEnd = { [self] ending in ended(ending) }
        connection.start(limit: .seconds(Int64(services.policy.level(session.level).handshake)))
    }

    // MARK: Sessions

    /// A stream to `target`; `end` takes part in it when this returns. Throws when the connection is just closing.
    func openStream(to target: Destination, _ end: StreamEnd, parent: any Channel) throws {
        guard let channel = link.addStream(nextID(), on: parent, isServer: false) else {
            throw DialError(description: "the mux connection is closed")
        }
        link.write(MuxFrame(id: lastID, status: .new, peer: target))
        try channel.pipeline.syncOperations.addHandler(end)
        channel.activate()
        link.flush()
    }

    func openPackets(to target: Destination) -> MuxPackets? {
        link.addPackets(nextID(), target: target)
    }

    private func nextID() -> UInt16 {
        lastID += 1
        return lastID
    }

    private func sessionsChanged() {
        guard connection.isOpen else { return }
        if link.count > 0 {
            connection.limit(to: nil)
        } else if lastID >= Self.lifetimeLimit {
            leave(nil)
            connection.close()
        } else {
            connection.limit(to: loop.now + Self.idleLimit + .milliseconds(Int64.random(in: 0..<8_000)))
        }
    }

    // MARK: The connection

    private func opened(behind said: ByteBuffer?) {
        link.open(MuxPipe(connection.end, codec: plan.codec, header: said))
        sessionsChanged()
    }

    private func ended(_ ending: DialledConnection.Ending) {
        switch ending {
        case .over: leave(nil)
        case .failed(let error):
            services.log.write(
                .info, session: session.logID, "proxy/\(outbound.proto.name)",
                "mux connection to \(plan.target) failed > \(error)")
            leave(error)
        }
    }

    private func leave(_ error: (any Error)?) {
        link.close(error)
        onClose?()
        onClose = nil
    }
}
