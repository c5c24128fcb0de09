// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// An accepted connection from its first byte to its last: handshake, routing, dialling; then the two ends relay by
/// themselves and this object only waits for them to close. Confined to its event loop.
final class StreamSession: StreamEndOwner, Expiring, @unchecked Sendable {  // confined to `loop.eventLoop`
    private enum Phase {
        case handshake
        case dialling
        /// The outbound speaks with its server before payload may flow.
        case greeting
        case relaying
        /// Swallowing input until `Int` more bytes came or the deadline passed.
        case draining(Int)
        case swallowing
        case packets
        case associated
        case closed
    }

    private let services: CoreServices
    private let inbound: Inbound
    private let loop: LoopContext
    private let end: StreamEnd
    private let accepted: AcceptedConnection
    private let logID = UInt32.random(in: .min ... .max)
    private var phase = Phase.handshake
    private var handshake: (any StreamHandshake)?
    private var outboundEnd: StreamEnd?
    private var greeting: (any ClientHandshake)?
    /// Joins the two ends, once the outbound's greeting is done.
    private var onGreeted: (() -> Void)?
    private var onUnreachable: ((String) -> Void)?
    private var flow: Flow?
    private var packetRelay: StreamPacketRelay?
    private var association: UDPAssociation?
    private(set) var deadline: NIODeadline?

    init(services: CoreServices, inbound: Inbound, loop: LoopContext, end: StreamEnd, accepted: AcceptedConnection) {
        self.services = services
        self.inbound = inbound
        self.loop = loop
        self.end = end
        self.accepted = accepted
        self.handshake = inbound.proto.accept(accepted)
        let limit = services.policy.level(inbound.proto.userLevel).handshake
        self.deadline = loop.now + .seconds(Int64(limit))
    }

    func start() {
        loop.track(self)
        // Some protocols know their target without a byte from the client (dokodemo-door).
        var nothing = ByteBuffer()
        received(&nothing, on: end)
    }

    func expire() {
        deadline = nil
        switch phase {
        case .handshake:
            services.reject(
                "handshake timed out", inbound: inbound.tag, proto: inbound.proto.name, source: accepted.source,
                session: logID)
        default: break
        }
        close()
    }

    private func close() {
        end.abort()
        outboundEnd?.abort()
    }

    // MARK: StreamEndOwner

    func received(_ buffer: inout ByteBuffer, on end: StreamEnd) {
        switch phase {
        case .handshake:
            shakeHands(&buffer)
        case .draining(let left):
            let remaining = left - buffer.readableBytes
            buffer.clear()
            if remaining <= 0 { close() } else { phase = .draining(remaining) }
        case .swallowing:
            flow?.countUplink(buffer.readableBytes, now: loop.now)
            buffer.clear()
        case .packets:
            packetRelay?.received(&buffer)
        case .associated:
            buffer.clear()
        case .greeting:
            if end === outboundEnd { greet(&buffer) }
        case .dialling, .relaying, .closed:
            break
        }
    }

    func inputEnded(on end: StreamEnd) {
        switch phase {
        case .greeting where end === outboundEnd: onUnreachable?("the server closed the connection")
        case .dialling, .greeting, .relaying: break
        case .handshake, .draining, .swallowing, .packets, .associated, .closed: end.finish()
        }
    }

    func closed(_ end: StreamEnd) {
        if end === self.end {
            loop.untrack(self)
            packetRelay?.close()
            association?.close()
            packetRelay = nil
            association = nil
            handshake = nil
            greeting = nil
            onGreeted = nil
            onUnreachable = nil
            phase = .closed
            outboundEnd?.finish()
        } else {
            outboundEnd = nil
            if case .closed = phase {} else { self.end.finish() }
        }
        guard !self.end.isOpen, outboundEnd == nil, let flow else { return }
        self.flow = nil
        flow.onClose = nil
        flow.isDraining = nil
        loop.remove(flow)
    }

    // MARK: Handshake

    private func shakeHands(_ buffer: inout ByteBuffer) {
        while let step = handshake?.receive(&buffer) {
            switch step {
            case .needMore:
                return
            case .reply(let bytes):
                end.send(bytes)
            case .stream(let request):
                handshake = nil
                deadline = nil
                dispatch(request)
                return
            case .packets(let request):
                handshake = nil
                deadline = nil
                relayPackets(request, &buffer)
                return
            case .associate(let request):
                handshake = nil
                deadline = nil
                associate(request)
                return
            case .reject(let rejection):
                handshake = nil
                reject(rejection)
                return
            }
        }
    }

    private func reject(_ rejection: HandshakeRejection) {
        services.reject(
            rejection.reason, inbound: inbound.tag, proto: inbound.proto.name, source: accepted.source, session: logID)
        if let reply = rejection.reply { end.send(reply) }
        guard rejection.drain > 0 else {
            end.finish()
            return
        }
        phase = .draining(rejection.drain)
    }

    private func session(target: Destination, user: ProxyUser?) -> Session {
        Session(
            logID: logID, inboundTag: inbound.tag, inboundProtocol: inbound.proto.name,
            fromRemoteUser: inbound.proto.servesRemoteUsers, source: accepted.source, local: accepted.local, user: user,
            level: user?.level ?? inbound.proto.userLevel, target: target)
    }

    // MARK: Streams

    private func dispatch(_ request: StreamRequest) {
        phase = .dialling
        end.pauseReading()
        var session = session(target: request.target, user: request.user)
        session.vlessRoute = request.vlessRoute
        services.route(session, on: loop.eventLoop) { [self] route in
            guard end.isOpen else { return }
            services.logRoute(session, route)
            guard let outbound = route.outbound else {
                end.finish()
                return
            }
            let flow = services.openFlow(session, outbound: outbound, on: loop)
            self.flow = flow
            flow.onClose = { [weak self] in self?.close() }
            flow.isDraining = { [weak self] in
                guard let self else { return false }
                return end.isDraining || outboundEnd?.isDraining ?? false
            }
            follow(outbound.proto.stream(for: session), outbound: outbound, flow: flow, request: request)
        }
    }

    private func follow(_ plan: StreamPlan, outbound: Outbound, flow: Flow, request: StreamRequest) {
        switch plan {
        case .dial(let dial):
            self.dial(dial, outbound: outbound, flow: flow, request: request)
        case .discard(let response, let hold):
            phase = .swallowing
            flow.idleLimit = hold
            if let response { end.send(response) }
            // Not now: what is left of the handshake's buffer is handed back to the end when this call returns.
            loop.eventLoop.assumeIsolated().execute { [self] in
                end.resumeReading()
                end.offerPending()
                if hold == .nanoseconds(0) { end.finish() }
            }
        case .serve(let server):
            serve(server, flow: flow)
        case .refuse(let why):
            services.log.write(.warning, session: logID, "proxy/\(outbound.proto.name)", why)
            end.finish()
        }
    }

    private func dial(_ plan: DialPlan, outbound: Outbound, flow: Flow, request: StreamRequest) {
        let far = StreamEnd(
            direction: .outbound, loop: loop, readCounter: outbound.downlink, writeCounter: outbound.uplink)
        far.owner = self
        far.pauseReading()
        let name = outbound.proto.name
        onUnreachable = { [self] why in
            onUnreachable = nil
            onGreeted = nil
            greeting = nil
            services.log.write(
                .info, session: logID, "proxy/\(name)", "failed to open connection to \(plan.target) > \(why)")
            if let reply = request.unreachableReply ?? request.responseHeader { end.send(reply) }
            end.finish()
        }
        services.dialer.connect(plan, on: loop.eventLoop) { channel in
            channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(far) }
        }.assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let channel):
                guard end.isOpen else {
                    channel.close(promise: nil)
                    far.owner = nil
                    onUnreachable = nil
                    return
                }
                outboundEnd = far
                onGreeted = { [self] in
                    onGreeted = nil
                    onUnreachable = nil
                    deadline = nil
                    guard end.isOpen, far.isOpen else { return }
                    phase = .relaying
                    StreamEnd.join(
                        inbound: end, outbound: far, flow: flow, inboundCodec: request.codec,
                        outboundCodec: plan.codec, responseHeader: request.responseHeader)
                }
                startGreeting(plan.handshake, far)
            case .failure(let error):
                far.owner = nil
                onUnreachable?("\(error)")
            }
        }
    }

    private func startGreeting(_ handshake: (any ClientHandshake)?, _ far: StreamEnd) {
        guard let handshake else {
            onGreeted?()
            return
        }
        phase = .greeting
        greeting = handshake
        deadline = loop.now + .seconds(Int64(flow?.policy.handshake ?? 60))
        far.resumeReading()
        var nothing = ByteBuffer()
        greet(&nothing)
    }

    private func greet(_ buffer: inout ByteBuffer) {
        while let step = greeting?.receive(&buffer) {
            switch step {
            case .needMore:
                return
            case .send(let bytes):
                outboundEnd?.send(bytes)
            case .done:
                greeting = nil
                // Not now: what is left of the buffer is handed back to the end when this call returns.
                loop.eventLoop.assumeIsolated().execute { [self] in onGreeted?() }
                return
            case .fail(let why):
                onUnreachable?(why)
                outboundEnd?.abort()
                return
            }
        }
    }

    private func serve(_ server: any InProcessServer, flow: Flow) {
        guard let channel = end.channel else { return }
        // The API's connections are long and quiet; they are not idle flows.
        flow.idleLimit = .hours(24 * 365)
        phase = .relaying
        server.takeOver(channel).assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success: loop.eventLoop.assumeIsolated().execute { [self] in end.serve(flow: flow) }
            case .failure: end.abort()
            }
        }
    }

    // MARK: Datagrams

    private func relayPackets(_ request: PacketRequest, _ buffer: inout ByteBuffer) {
        phase = .packets
        var session = session(target: request.target, user: request.user)
        session.vlessRoute = request.vlessRoute
        let relay = StreamPacketRelay(services: services, loop: loop, end: end, session: session, request: request)
        packetRelay = relay
        relay.received(&buffer)
    }

    private func associate(_ request: AssociateRequest) {
        phase = .associated
        let target = Destination(network: .udp, address: .ip(.anyV4), port: 0)
        let session = session(target: target, user: request.user)
        let association = UDPAssociation(
            services: services, loop: loop, inbound: inbound, session: session, request: request)
        self.association = association
        association.start(local: accepted.local).assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let bound):
                let announced = Endpoint(ip: request.announcedAddress ?? bound.ip, port: bound.port)
                end.send(request.reply(announced))
                association.onIdle = { [weak self] in self?.end.finish() }
            case .failure(let error):
                services.log.write(
                    .warning, session: logID, "proxy/\(inbound.proto.name)", "no UDP socket for a client > \(error)")
                end.send(request.failure)
                end.finish()
            }
        }
    }
}
