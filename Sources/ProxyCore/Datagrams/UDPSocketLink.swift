// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOPosix
import ProxyModel

/// Datagrams by a UDP socket of their own for each address family, bound when the first target of that family is seen.
/// Confined to its event loop.
final class UDPSocketLink: PacketLink, @unchecked Sendable {  // confined to `loop.eventLoop`
    /// Datagrams that wait while a socket is being bound or a name is looked up; more are dropped, as a network would.
    private static let waitingLimit = 64

    private enum Socket {
        case binding([AddressedEnvelope<ByteBuffer>])
        case bound(any Channel)
    }

    private let plan: PacketSocketPlan
    private let options: SocketPlan
    private let services: CoreServices
    private let loop: LoopContext
    private let asker: NameAsker
    private var sockets: [Bool: Socket] = [:]
    /// What the resolver said lately, so that it is not asked for each datagram.
    private var names: [String: (ip: IPAddress, expires: NIODeadline)] = [:]
    private static let nameLimit = 256
    /// Datagrams to names that are being looked up, in their order.
    private var waitingForNames: [String: [(payload: ByteBuffer, port: UInt16)]] = [:]
    private var waitingCount = 0
    private var receive: ((Packet) -> Void)?
    private var failed: ((any Error) -> Void)?
    private var isClosed = false

    /// - Parameter asker: Who names the targets, where the plan does not.
    init(
        plan: PacketSocketPlan, options: SocketPlan, services: CoreServices, loop: LoopContext, asker: NameAsker
    ) {
        self.plan = plan
        self.options = options
        self.services = services
        self.loop = loop
        self.asker = plan.redirect == nil ? asker : .core
    }

    func start(receive: @escaping (Packet) -> Void, failed: @escaping (any Error) -> Void) {
        self.receive = receive
        self.failed = failed
    }

    func send(_ packet: Packet) {
        guard !isClosed else { return }
        let target = plan.redirect?(packet.peer) ?? packet.peer
        switch target.address {
        case .ip(let ip):
            send(packet.payload, to: ip, port: target.port)
        case .domain(let name):
            if let known = names[name], known.expires > loop.now {
                send(packet.payload, to: known.ip, port: target.port)
            } else {
                lookUp(name, then: packet.payload, port: target.port)
            }
        }
    }

    func close() {
        isClosed = true
        receive = nil
        failed = nil
        for case .bound(let channel) in sockets.values { channel.close(promise: nil) }
        sockets = [:]
        waitingForNames = [:]
    }

    private func lookUp(_ name: String, then payload: ByteBuffer, port: UInt16) {
        guard waitingCount < Self.waitingLimit else { return }
        waitingCount += 1
        waitingForNames[name, default: []].append((payload.kept, port))
        guard waitingForNames[name]?.count == 1 else { return }
        services.resolver.resolve(name, for: asker, on: loop.eventLoop).assumeIsolated().whenSuccess {
            [self] addresses in
            let waiting = waitingForNames.removeValue(forKey: name) ?? []
            waitingCount -= waiting.count
            guard !isClosed,
                let ip = plan.resolution.order(addresses).first(where: { plan.admits?($0, port) ?? true })
            else { return }
            if names.count >= Self.nameLimit { names.removeAll(keepingCapacity: true) }
            names[name] = (ip, loop.now + Resolver.lifetime)
            for datagram in waiting { send(datagram.payload, to: ip, port: datagram.port) }
        }
    }

    private func send(_ payload: ByteBuffer, to ip: IPAddress, port: UInt16) {
        // The kernel refuses port 0, and SwiftNIO closes a socket for any refusal.
        guard port != 0, plan.admits?(ip, port) ?? true else { return }
        let address = SocketAddress(ip, port: port)
        let envelope = AddressedEnvelope(remoteAddress: address, data: payload)
        switch sockets[ip.isIPv4] {
        case .bound(let channel):
            loop.datagrams.send(payload, to: address, from: channel)
        case .binding(var waiting):
            guard waiting.count < Self.waitingLimit else { return }
            waiting.append(envelope)
            sockets[ip.isIPv4] = .binding(waiting)
        case nil:
            sockets[ip.isIPv4] = .binding([envelope])
            bind(isIPv4: ip.isIPv4)
        }
    }

    private func bind(isIPv4: Bool) {
        var local: IPAddress = isIPv4 ? .anyV4 : .anyV6
        if let address = plan.localAddress, address.isIPv4 == isIPv4 { local = address }
        UDPSockets.bind(to: SocketAddress(local, port: 0), options, on: loop) { [weak self] buffer, from in
            guard let endpoint = Endpoint(from) else { return }
            self?.receive?(
                Packet(
                    payload: buffer,
                    peer: Destination(network: .udp, address: .ip(endpoint.ip), port: endpoint.port)))
        }.assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let channel): bound(channel, isIPv4: isIPv4)
            case .failure(let error): failed?(error)
            }
        }
    }

    private func bound(_ channel: any Channel, isIPv4: Bool) {
        guard !isClosed else {
            channel.close(promise: nil)
            return
        }
        channel.closeFuture.assumeIsolated().whenComplete { [weak self] _ in
            guard let self, !isClosed else { return }
            failed?(DialError(description: "the socket failed"))
        }
        let waiting = sockets.updateValue(.bound(channel), forKey: isIPv4)
        guard case .binding(let envelopes) = waiting else { return }
        for envelope in envelopes { channel.write(envelope, promise: nil) }
        channel.flush()
    }
}
