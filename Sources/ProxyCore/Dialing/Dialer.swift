// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOPosix
import ProxyModel

/// Why no connection to a target was made.
struct DialError: Error, CustomStringConvertible {
    var description: String
}

/// Opens the outbound's sockets, on the event loop of the flow that needs them.
final class Dialer: Sendable {
    static let connectTimeout = TimeAmount.seconds(16)

    private let resolver: Resolver

    init(resolver: Resolver) {
        self.resolver = resolver
    }

    /// Connects; `initialize` adds the handlers before the socket can be read.
    /// - Parameter asker: Who named the target.
    func connect(
        _ plan: DialPlan, socket: SocketPlan = SocketPlan(), for asker: NameAsker, on eventLoop: any EventLoop,
        initialize: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        let bootstrap = Self.bootstrap(
            eventLoop, localAddress: plan.localAddress, socket: socket, initialize: initialize)
        if let path = plan.unixPath {
            return bootstrap.connect(unixDomainSocketPath: path.hasPrefix("@") ? "\0" + path.dropFirst() : path)
        }
        let port = plan.target.port
        switch plan.target.address {
        case .ip(let ip):
            guard plan.admits?(ip, port) ?? true else {
                let error = DialError(description: "\(ip) is blocked by the outbound's final rules")
                return eventLoop.makeFailedFuture(error)
            }
            return bootstrap.connect(to: SocketAddress(ip, port: port))
        case .domain(let name):
            let bound = NIOLoopBound(bootstrap, eventLoop: eventLoop)
            let admits = plan.admits
            let resolution = plan.resolution == .asIs ? socket.resolution : plan.resolution
            return resolver.lookUp(name, for: asker, on: eventLoop).flatMap { answer in
                let addresses: [IPAddress]
                switch answer {
                case .addresses(let found, _): addresses = found
                case .failed: addresses = []
                case .refused:
                    return eventLoop.makeFailedFuture(
                        DialError(description: "\(name) not looked up: \(NameAnswer.why)"))
                }
                let candidates = resolution.order(addresses).filter { admits?($0, port) ?? true }
                guard !candidates.isEmpty else {
                    let why = addresses.isEmpty ? "cannot be resolved" : "has no address that may be dialled"
                    return eventLoop.makeFailedFuture(DialError(description: "\(name) \(why)"))
                }
                return Self.connect(bound, to: candidates[...], port: port, on: eventLoop)
            }
        }
    }

    /// One address after the other; the error is the last one's.
    private static func connect(
        _ bootstrap: NIOLoopBound<ClientBootstrap>, to addresses: ArraySlice<IPAddress>, port: UInt16,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<any Channel> {
        guard let first = addresses.first else {
            return eventLoop.makeFailedFuture(DialError(description: "no address to dial"))
        }
        let attempt = bootstrap.value.connect(to: SocketAddress(first, port: port))
        let rest = addresses.dropFirst()
        guard !rest.isEmpty else { return attempt }
        return attempt.flatMapError { _ in connect(bootstrap, to: rest, port: port, on: eventLoop) }
    }

    private static func bootstrap(
        _ eventLoop: any EventLoop, localAddress: IPAddress?, socket: SocketPlan,
        initialize: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> ClientBootstrap {
        var bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(connectTimeout)
            .channelInitializer { channel in
                do {
                    try StreamSockets.prepare(channel)
                    try socket.apply(to: channel)
                } catch {
                    return channel.eventLoop.makeFailedFuture(error)
                }
                return initialize(channel)
            }
        if socket.usesMultipathTCP { bootstrap = bootstrap.enableMPTCP(true) }
        guard let localAddress else { return bootstrap }
        return bootstrap.bind(to: SocketAddress(localAddress, port: 0))
    }
}

extension DomainResolution {
    func order(_ addresses: [IPAddress]) -> [IPAddress] {
        switch self {
        case .asIs: addresses
        case .only4: addresses.filter(\.isIPv4)
        case .only6: addresses.filter { !$0.isIPv4 }
        case .prefer4: addresses.filter(\.isIPv4) + addresses.filter { !$0.isIPv4 }
        case .prefer6: addresses.filter { !$0.isIPv4 } + addresses.filter(\.isIPv4)
        }
    }
}
