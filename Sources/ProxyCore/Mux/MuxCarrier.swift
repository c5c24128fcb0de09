// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// A client's mux connection: dialled with its first session, closed when it has had none for a while. Confined to its event
/// loop.
final class MuxCarrier: StreamEndOwner, Expiring, @unchecked Sendable {  // confined to `loop.eventLoop`
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
    private let end: StreamEnd
    private let link: MuxLink
    private var greeting: (any ClientHandshake)?
    private var lastID: UInt16 = 0
    private var isOpen = false
    private(set) var deadline: NIODeadline?
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
        greeting = plan.handshake
        end = StreamEnd(
            direction: .outbound, loop: loop, readCounter: outbound.downlink, writeCounter: outbound.uplink)
        link = MuxLink(end: end, loop: loop, queueLimit: services.policy.level(session.level).bufferSize)
    }

    var hasRoom: Bool { !link.isClosed && link.count < concurrency && lastID < Self.lifetimeLimit }

    func start() {
        end.owner = self
        deadline = loop.now + .seconds(Int64(services.policy.level(session.level).handshake))
        loop.track(self)
        link.onChange = { [weak self] in self?.sessionsChanged() }
        services.connect(plan, by: outbound, session: session, on: loop, end: end).assumeIsolated().whenComplete {
            [self] result in
            switch result {
            case .success(let channel):
                guard !link.isClosed else {
                    channel.close(promise: nil)
                    return
                }
                var nothing = ByteBuffer()
                greet(&nothing)
            case .failure(let error):
                fail(error)
            }
        }
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
        guard isOpen else { return }
        if link.count > 0 {
            deadline = nil
        } else if lastID >= Self.lifetimeLimit {
            close()
        } else {
            deadline = loop.now + Self.idleLimit + .milliseconds(Int64.random(in: 0..<8_000))
        }
    }

    // MARK: The connection

    func expire() {
        deadline = nil
        if isOpen { close() } else { fail(DialError(description: "the server did not answer in time")) }
    }

    func received(_ buffer: inout ByteBuffer, on end: StreamEnd) {
        if !isOpen { greet(&buffer) }
        guard isOpen else { return }
        do {
            try link.received(&buffer)
        } catch {
            buffer.clear()
            fail(error)
        }
    }

    func writabilityChanged(on end: StreamEnd) { link.writabilityChanged() }
    func inputEnded(on end: StreamEnd) {
        isOpen ? close() : fail(DialError(description: "the server closed the connection"))
    }
    func closed(_ end: StreamEnd) { isOpen ? close() : fail(DialError(description: "the connection is closed")) }

    private func greet(_ buffer: inout ByteBuffer) {
        while true {
            switch greeting?.receive(&buffer) ?? .done {
            case .needMore:
                end.flush()
                return
            case .send(let bytes): end.queue(bytes)
            case .done:
                greeting = nil
                isOpen = true
                link.open(MuxPipe(end, codec: plan.codec))
                sessionsChanged()
                return
            case .fail(let why): return fail(DialError(description: why))
            }
        }
    }

    private func fail(_ error: any Error) {
        guard !link.isClosed else { return }
        services.log.write(
            .info, session: session.logID, "proxy/\(outbound.proto.name)",
            "mux connection to \(plan.target) failed > \(error)")
        leave(error)
        end.abort()
    }

    private func close() {
        guard !link.isClosed else { return }
        leave(nil)
        end.finish()
    }

    private func leave(_ error: (any Error)?) {
        deadline = nil
        loop.untrack(self)
        link.close(error)
        greeting = nil
        onClose?()
        onClose = nil
    }
}
