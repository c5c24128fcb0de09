// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import NIOPosix
import ProxyModel

/// Opens an inbound's ports. Each event loop has a listening socket of its own on a TCP port, among which the kernel spreads
/// the connections: none is handed from loop to loop, and each stays on its loop for life.
struct InboundListener: Sendable {
    let services: CoreServices
    let loops: LoopSet

    /// Opens every port of the plan, or none: what was opened before a failure is closed again.
    func open(_ inbound: Inbound, _ plan: ListenPlan) async throws {
        do {
            if let path = plan.unixPath {
                guard inbound.proto.networks.contains(.tcp) else { return }
                try await openUnix(inbound, path)
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

    private func openTCP(_ inbound: Inbound, _ address: SocketAddress) async throws {
        do {
            // Alone first: a port that somebody else listens on is an error, which SO_REUSEPORT would hide.
            let probe = try await withIPv4Fallback(address) { address in
                try await ServerBootstrap(group: loops.group)
                    .serverChannelOption(.socketOption(.so_reuseaddr), value: 1).bind(to: address).get()
            }
            let bound = probe.localAddress ?? address
            try await probe.close()
            for loop in loops.contexts {
                inbound.opened(try await bootstrap(inbound, on: loop.eventLoop, sharesPort: true).bind(to: bound).get())
            }
        } catch {
            throw Self.failure("TCP", "tcp", address, error)
        }
    }

    private func openUDP(_ inbound: Inbound, _ address: SocketAddress) async throws {
        let loop = loops.next()
        let services = services
        do {
            inbound.opened(
                try await withIPv4Fallback(address) { address in
                    try await loop.eventLoop.flatSubmit {
                        InboundDatagrams(services: services, loop: loop, inbound: inbound).bind(address)
                    }.get()
                })
        } catch {
            throw Self.failure("UDP", "udp", address, error)
        }
    }

    private func openUnix(_ inbound: Inbound, _ path: String) async throws {
        let name = path.hasPrefix("@") ? "\0" + path.dropFirst() : path
        do {
            let bootstrap = bootstrap(inbound, on: loops.group, sharesPort: false)
            inbound.opened(try await bootstrap.bind(unixDomainSocketPath: String(name)).get())
        } catch {
            throw ControlError(
                "app/proxyman/inbound: failed to listen on \(path) > listen unix \(path): \(Self.reason(error))")
        }
    }

    /// A host without IPv6 cannot bind `::`, which stands for "all addresses".
    private func withIPv4Fallback(
        _ address: SocketAddress, _ bind: (SocketAddress) async throws -> any Channel
    ) async throws -> any Channel {
        do {
            return try await bind(address)
        } catch let error as IOError where error.errnoCode == EAFNOSUPPORT || error.errnoCode == EADDRNOTAVAIL {
            guard let endpoint = Endpoint(address), endpoint.ip == .anyV6 else { throw error }
            return try await bind(SocketAddress(.anyV4, port: endpoint.port))
        }
    }

    private func bootstrap(_ inbound: Inbound, on group: any EventLoopGroup, sharesPort: Bool) -> ServerBootstrap {
        let services = services
        let loops = loops
        return ServerBootstrap(group: group)
            .serverChannelOption(
                ChannelOptions.socket(SocketOptionLevel(SOL_SOCKET), SO_REUSEPORT), value: sharesPort ? 1 : 0
            )
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 16)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.recvAllocator, value: StreamReceiveAllocator())
            .childChannelOption(.maxMessagesPerRead, value: StreamSockets.readsPerEvent)
            .childChannelOption(.writeBufferWaterMark, value: StreamSockets.waterMark)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let loop = loops.context(of: channel.eventLoop) else { throw ChannelError.ioOnClosedChannel }
                    let end = StreamEnd(
                        direction: .inbound, loop: loop, readCounter: inbound.uplink, writeCounter: inbound.downlink)
                    end.onActive = { end, channel in
                        let accepted = AcceptedConnection(
                            source: channel.remoteAddress.flatMap(Endpoint.init) ?? .unspecified,
                            local: channel.localAddress.flatMap(Endpoint.init) ?? .unspecified)
                        let session = StreamSession(
                            services: services, inbound: inbound, loop: loop, end: end, accepted: accepted)
                        end.owner = session
                        session.start()
                    }
                    try channel.pipeline.syncOperations.addHandler(end)
                }
            }
    }

    private static func failure(
        _ name: String, _ network: String, _ address: SocketAddress, _ error: any Error
    ) -> ControlError {
        let endpoint = Endpoint(address) ?? .unspecified
        let host = endpoint.ip == .anyV6 ? "0.0.0.0" : endpoint.ip.bracketed
        let place = "\(host):\(endpoint.port)"
        return ControlError(
            "app/proxyman/inbound: failed to listen \(name) on \(endpoint.port) > transport/internet: failed to listen on "
                + "address: \(place) > listen \(network) \(place): bind: \(reason(error))")
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return String(cString: strerror(error.errnoCode)).lowercased()
    }
}
