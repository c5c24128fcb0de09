// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// Answers the queries of one session as its plan says. Confined to its event loop.
final class QueryExchange: @unchecked Sendable {  // confined to `loop.eventLoop`
    /// Names that are looked up at a time for one session; the resolver's threads are everybody's.
    static let lookUpLimit = 32

    private let plan: QueryPlan
    private let outbound: Outbound
    private let session: Session
    private let services: CoreServices
    private let loop: LoopContext
    private var server: (any PacketLink)?
    private var lookUps = 0
    /// Queries that the server has not answered, as far as can be told without reading them.
    private var forwarded = 0
    private var isClosed = false
    /// Takes the answers.
    var deliver: ((ByteBuffer) -> Void)?
    /// A look-up has ended, or the server has answered or failed.
    var onProgress: (() -> Void)?

    init(_ plan: QueryPlan, by outbound: Outbound, session: Session, services: CoreServices, loop: LoopContext) {
        self.plan = plan
        self.outbound = outbound
        self.session = session
        self.services = services
        self.loop = loop
    }

    /// False while so many names are being looked up that further queries are better not read.
    var hasRoom: Bool { lookUps < Self.lookUpLimit }
    /// Every query that will be answered has been.
    var isDone: Bool { lookUps == 0 && forwarded == 0 }

    /// Without room the message is dropped.
    func take(_ message: ByteBuffer) {
        guard !isClosed else { return }
        switch plan.judge(message) {
        case .drop(let what):
            services.log.write(.info, session: session.logID, "proxy/\(outbound.proto.name)", "dropped \(what)")
        case .answer(let answer):
            deliver?(answer)
        case .lookUp(let name, let answer):
            guard hasRoom else { return }
            lookUps += 1
            services.resolver.lookUp(name, for: session.asker, on: loop.eventLoop).assumeIsolated().whenSuccess {
                [self] found in
                lookUps -= 1
                guard !isClosed else { return }
                deliver?(answer(found))
                onProgress?()
            }
        case .forward:
            forward(message)
        }
    }

    func close() {
        isClosed = true
        deliver = nil
        onProgress = nil
        server?.close()
        server = nil
    }

    private func forward(_ message: ByteBuffer) {
        guard let server = server ?? connect() else { return }
        forwarded += 1
        server.send(Packet(payload: message, peer: plan.server))
    }

    /// Opened with the first query, and again with the next one when it was lost: servers close quiet connections early.
    private func connect() -> (any PacketLink)? {
        let link: any PacketLink
        do {
            link = try services.packetLink(plan.link, by: outbound, session: session.to(plan.server), on: loop)
        } catch {
            tell(error)
            return nil
        }
        server = link
        link.start(
            receive: { [weak self] packet in
                guard let self else { return }
                forwarded = max(0, forwarded - 1)
                deliver?(packet.payload)
                onProgress?()
            },
            failed: { [weak self, weak link] error in
                guard let self, let link, server === link else { return }
                // A quiet connection that ends is nothing to write about.
                if forwarded > 0 { tell(error) }
                link.close()
                server = nil
                forwarded = 0
                onProgress?()
            })
        return link
    }

    private func tell(_ error: any Error) {
        services.log.write(
            .info, session: session.logID, "proxy/\(outbound.proto.name)", "no answers from \(plan.server) > \(error)")
    }
}

/// The queries of a client that sends datagrams, each of which is one. Confined to its event loop.
final class QueryPacketLink: PacketLink {
    private let exchange: QueryExchange
    private let target: Destination

    init(_ exchange: QueryExchange, target: Destination) {
        self.exchange = exchange
        self.target = target
    }

    func start(receive: @escaping (Packet) -> Void, failed: @escaping (any Error) -> Void) {
        exchange.deliver = { [target] answer in receive(Packet(payload: answer, peer: target)) }
    }

    func send(_ packet: Packet) { exchange.take(packet.payload) }
    func close() { exchange.close() }
}
