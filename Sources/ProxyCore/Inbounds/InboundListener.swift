// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import NIOPosix
import ProxyModel
import Telemetry

/// Opens an inbound's ports. Each event loop has a socket of its own on a port, among which the kernel spreads the connections and
/// those who send datagrams: none is handed from loop to loop, and each stays on its loop for life.
struct InboundListener: Sendable {
    static let sharedPort = ChannelOptions.socket(SocketOptionLevel(SOL_SOCKET), SO_REUSEPORT)

    /// How an inbound begins that takes the place of others.
    struct Takeover {
        /// Inbounds that are about to be closed. A new one on the same place takes their sockets over, if these are set up as it wants
        /// them; no connection is lost by that. Otherwise it shares the port until they are closed.
        var closing: [Inbound] = []
        var ports: Set<UInt16> = []
    }

    let services: CoreServices
    let loops: LoopSet
    /// Nil = connections are accepted at once. Otherwise they wait in the kernel until ``Inbound/beginAccepting()``.
    var takeover: Takeover?

    /// Opens every port of the plan, or none: what was opened before a failure is closed again.
    func open(_ inbound: Inbound, _ plan: ListenPlan) async throws {
        do {
            if let path = plan.unixPath {
                guard inbound.proto.networks.contains(.tcp) else { return }
                try await openUnix(inbound, path, mode: plan.unixMode)
                return
            }
            for address in plan.socketAddresses {
                if inbound.proto.networks.contains(.tcp) { try await openTCP(inbound, address) }
                if inbound.proto.networks.contains(.udp) { try await openUDP(inbound, address) }
            }
        } catch {
            await inbound.closeListeners()
            throw error
        }
    }

    /// Arranges for the sockets on that place to pass to the inbound, if there are any that would do.
    private func takesOver(_ place: Listener.Place, _ inbound: Inbound) -> Bool {
        let old = takeover?.closing.first {
            $0.listens(on: place) && $0.transport.socket == inbound.transport.socket
                && ($0.transport.grpc == nil) == (inbound.transport.grpc == nil)
        }
        guard let old else { return false }
        inbound.adopt(place, of: old)
        return true
    }

    private func openTCP(_ inbound: Inbound, _ address: SocketAddress) async throws {
        let place = Listener.Place.tcp(address)
        guard !takesOver(place, inbound) else { return }
        do {
            // The first alone: a port that somebody else listens on is an error, which SO_REUSEPORT would hide. Once it
            // listens it lets the others in; no connection meets a socket that is closed again.
            var loops = loops.contexts[...]
            guard let first = loops.popFirst() else { return }
            let isShared = shares(address)
            let owner = Listener.Owner(inbound)
            let alone = try await withIPv4Fallback(address) { address in
                try await bootstrap(owner, on: first.eventLoop, isShared ? .sharing : .alone).bind(to: address).get()
            }
            inbound.opened(Listener(place: place, socket: ChannelSocket(channel: alone), owner: owner))
            try await alone.setOption(Self.sharedPort, value: 1).get()
            let bound = alone.localAddress ?? address
            for loop in loops {
                let owner = Listener.Owner(inbound)
                let next = try await bootstrap(owner, on: loop.eventLoop, .sharing).bind(to: bound).get()
                inbound.opened(Listener(place: place, socket: ChannelSocket(channel: next), owner: owner))
            }
        } catch {
            throw Self.failure("TCP", inbound, address, error)
        }
    }

    private func openUDP(_ inbound: Inbound, _ address: SocketAddress) async throws {
        guard !inbound.readsRedirectedDatagrams else { return try await openRedirected(inbound, address) }
        let place = Listener.Place.udp(address)
        guard !takesOver(place, inbound) else { return }
        do {
            // As for TCP.
            var loops = loops.contexts[...]
            guard let first = loops.popFirst() else { return }
            let isShared = shares(address)
            let owner = Listener.Owner(inbound)
            let alone = try await withIPv4Fallback(address) { try await bindUDP(owner, $0, first, isShared) }
            inbound.opened(Listener(place: place, socket: ChannelSocket(channel: alone), owner: owner))
            try await alone.setOption(Self.sharedPort, value: 1).get()
            let bound = alone.localAddress ?? address
            for loop in loops {
                let owner = Listener.Owner(inbound)
                let next = try await bindUDP(owner, bound, loop, true)
                inbound.opened(Listener(place: place, socket: ChannelSocket(channel: next), owner: owner))
            }
        } catch {
            throw Self.failure("UDP", inbound, address, error)
        }
    }

    private func bindUDP(
        _ owner: Listener.Owner, _ address: SocketAddress, _ loop: LoopContext, _ sharesPort: Bool
    ) async throws -> any Channel {
        try await loop.eventLoop.flatSubmit { [services, reads = takeover == nil] in
            InboundDatagrams(services: services, loop: loop, owner: owner)
                .bind(address, sharesPort: sharesPort, reads: reads)
        }.get()
    }

    private func openRedirected(_ inbound: Inbound, _ address: SocketAddress) async throws {
        let isShared = shares(address)
        do {
            let socket = try await withIPv4Fallback(address) { address in
                try RedirectedDatagrams(
                    address, inbound: inbound, services: services, loops: loops, sharesPort: isShared)
            }
            if takeover == nil { await socket.beginReading() }
            inbound.opened(Listener(place: .udp(address), socket: socket, owner: nil))
        } catch {
            throw Self.failure("UDP", inbound, address, error)
        }
    }

    private func openUnix(_ inbound: Inbound, _ path: String, mode: UInt32?) async throws {
        do {
            let isFile = !path.hasPrefix("@")
            if !takesOver(.unix(path), inbound) {
                if isFile { Self.removeDeadSocket(path) }
                let owner = Listener.Owner(inbound)
                let bootstrap = bootstrap(owner, on: loops.group, .unix)
                let name = isFile ? path : Self.abstractName(path)
                let channel = try await bootstrap.bind(unixDomainSocketPath: name).get()
                inbound.opened(Listener(place: .unix(path), socket: ChannelSocket(channel: channel), owner: owner))
            }
            if isFile, let mode, chmod(path, mode) != 0 { throw IOError(errnoCode: errno, reason: "chmod") }
        } catch {
            throw ControlError(
                "app/proxyman/inbound: failed to listen on \(path) > listen unix \(path): \(Self.reason(error))")
        }
    }

    private func shares(_ address: SocketAddress) -> Bool {
        guard let takeover, let port = address.port else { return false }
        return takeover.ports.contains(UInt16(clamping: port))
    }

    /// `@name` is a name in the abstract namespace (unix(7)); `@@name` is filled up with zeros to the length of an address.
    private static func abstractName(_ path: String) -> String {
        guard path.hasPrefix("@@") else { return "\0" + path.dropFirst() }
        let name = "\0" + path.dropFirst(2)
        return name + String(repeating: "\0", count: max(0, 108 - name.utf8.count))
    }

    /// Removes the file of a socket on which nobody listens any more: a core that was killed has left it behind.
    private static func removeDeadSocket(_ path: String) {
        var info = stat()
        guard lstat(path, &info) == 0, info.st_mode & S_IFMT == S_IFSOCK else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if status != 0, errno == ECONNREFUSED { unlink(path) }
    }

    /// A host without IPv6 cannot bind `::`, which stands for "all addresses".
    private func withIPv4Fallback<Value: Sendable>(
        _ address: SocketAddress, _ bind: (SocketAddress) async throws -> Value
    ) async throws -> Value {
        do {
            return try await bind(address)
        } catch let error as IOError where error.errnoCode == EAFNOSUPPORT || error.errnoCode == EADDRNOTAVAIL {
            guard let endpoint = Endpoint(address), endpoint.ip == .anyV6 else { throw error }
            return try await bind(SocketAddress(.anyV4, port: endpoint.port))
        }
    }

    private enum Kind {
        /// The first socket of a port.
        case alone
        case sharing
        /// Options of TCP and IP are not for it.
        case unix
    }

    private func bootstrap(_ owner: Listener.Owner, on group: any EventLoopGroup, _ kind: Kind) -> ServerBootstrap {
        let services = services
        let loops = loops
        let carriesStreams = owner.inbound.transport.grpc != nil
        let usesMultipathTCP = kind != .unix && owner.inbound.transport.socket.usesMultipathTCP
        return ServerBootstrap(group: group)
            .enableMPTCP(usesMultipathTCP)
            .serverChannelOption(Self.sharedPort, value: kind == .sharing ? 1 : 0)
            .serverChannelOption(.autoRead, value: takeover == nil)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 16)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if kind != .unix { try owner.inbound.transport.socket.apply(to: channel) }
                }
            }
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try StreamSockets.prepare(channel, carriesStreams ? .forStreams : .init())
                    // SwiftNIO leaves it out there, because some kernels do not know it.
                    if usesMultipathTCP { try? channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1) }
                    guard let loop = loops.context(of: channel.eventLoop) else { throw ChannelError.ioOnClosedChannel }
                    let inbound = owner.inbound
                    if let plan = inbound.transport.grpc {
                        try Self.installStreams(plan, on: channel, inbound, services, loop)
                        return
                    }
                    let end = StreamEnd(
                        direction: .inbound, loop: loop, readCounter: inbound.uplink, writeCounter: inbound.downlink)
                    guard inbound.transport.isRaw else {
                        try Self.install(end, on: channel, inbound, services, loop)
                        return
                    }
                    end.below = .socket
                    end.onActive = { end, channel in
                        Self.start(
                            AcceptedConnection(
                                source: channel.remoteAddress.flatMap(Endpoint.init) ?? .unspecified,
                                local: channel.localAddress.flatMap(Endpoint.init) ?? .unspecified),
                            end, channel, inbound, services, loop)
                    }
                    try channel.pipeline.syncOperations.addHandler(end)
                }
            }
    }

    /// Puts the transport's layers below `end`; the session starts when they are up.
    private static func install(
        _ end: StreamEnd, on channel: any Channel, _ inbound: Inbound, _ services: CoreServices, _ loop: LoopContext
    ) throws {
        let info = TransportInfo(of: channel)
        end.below = .layers
        end.onActive = { end, channel in start(AcceptedConnection(info), end, channel, inbound, services, loop) }
        try installLayers(on: channel, info, inbound, services, loop)
        try channel.pipeline.syncOperations.addHandler(end)
    }

    /// Puts the transport's layers below a connection of streams; a session starts with each stream.
    private static func installStreams(
        _ plan: GRPCServerPlan, on channel: any Channel, _ inbound: Inbound, _ services: CoreServices,
        _ loop: LoopContext
    ) throws {
        let info = TransportInfo(of: channel)
        try installLayers(on: channel, info, inbound, services, loop)
        let streams = GRPCTunnelServer.Inbound(
            plan: plan, info: info, loop: loop, isRemoved: { inbound.isClosed },
            accept: { stream, source in
                let end = StreamEnd(
                    direction: .inbound, loop: loop, readCounter: inbound.uplink, writeCounter: inbound.downlink)
                end.onActive = { end, _ in
                    var accepted = AcceptedConnection(info)
                    accepted.source = source
                    start(accepted, end, channel, inbound, services, loop)
                }
                try stream.pipeline.syncOperations.addHandler(end)
                stream.activate()
            },
            refused: { reject($0, info, inbound, services) })
        try GRPCTunnelServer.add(
            to: channel, streams, firstLimit: handshakeLimit(inbound, services), isSecure: inbound.transport.hasTLS)
    }

    private static func installLayers(
        on channel: any Channel, _ info: TransportInfo, _ inbound: Inbound, _ services: CoreServices,
        _ loop: LoopContext
    ) throws {
        let limit = inbound.transport.limit(handshakeLimit(inbound, services))
        let gate = TransportGate(loop: loop, limit: limit) { reject($0, info, inbound, services) }
        try inbound.transport.install(
            on: channel, info: info, gate: gate, copiesDirectly: inbound.proto.copiesDirectly)
    }

    private static func handshakeLimit(_ inbound: Inbound, _ services: CoreServices) -> TimeAmount {
        .seconds(Int64(services.policy.level(inbound.proto.userLevel).handshake))
    }

    private static func reject(
        _ failure: TransportFailure, _ info: TransportInfo, _ inbound: Inbound, _ services: CoreServices
    ) {
        // Probes that connect and leave are nothing to write about.
        guard failure != .ended else { return }
        services.reject(
            failure.reason, detail: failure.detail, inbound: inbound.tag, proto: inbound.proto.name,
            source: info.source, session: .random(in: .min ... .max))
    }

    /// - Parameter channel: The connection's, also for a stream in it.
    private static func start(
        _ accepted: AcceptedConnection, _ end: StreamEnd, _ channel: any Channel, _ inbound: Inbound,
        _ services: CoreServices, _ loop: LoopContext
    ) {
        var accepted = accepted
        if let redirection = inbound.redirection {
            let listener = channel.parent?.localAddress.flatMap(Endpoint.init) ?? .unspecified
            switch OriginalTarget(of: channel, redirection, listener: listener) {
            case .unknown: break
            case .known(let target): accepted.originalTarget = target
            case .loop:
                services.reject(
                    "connection to the inbound itself", inbound: inbound.tag, proto: inbound.proto.name,
                    source: accepted.source, session: loop.nextLogID())
                return end.abort()
            }
        }
        let session = StreamSession(services: services, inbound: inbound, loop: loop, end: end, accepted: accepted)
        end.owner = session
        session.start()
    }

    private static func failure(
        _ network: String, _ inbound: Inbound, _ address: SocketAddress, _ error: any Error
    ) -> ControlError {
        let endpoint = Endpoint(address) ?? .unspecified
        if let failure = error as? TransportFailure, failure == SocketPlan.refusal(of: "IP_TRANSPARENT", EPERM) {
            return ControlError(
                "app/proxyman/inbound: inbound \(inbound.tag) needs CAP_NET_ADMIN for sockopt.tproxy on port \(endpoint.port) > "
                    + "\(failure)")
        }
        let host = endpoint.ip == .anyV6 ? "0.0.0.0" : endpoint.ip.bracketed
        let place = "\(host):\(endpoint.port)"
        return ControlError(
            "app/proxyman/inbound: failed to listen \(network) on \(endpoint.port) > transport/internet: failed to listen on "
                + "address: \(place) > listen \(network.lowercased()) \(place): bind: \(reason(error))")
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return String(cString: strerror(error.errnoCode)).lowercased()
    }
}
