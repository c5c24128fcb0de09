// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// A socket on an inbound's own UDP port, opened again when it fails. Confined to its event loop.
///
/// Every event loop has one on the port. The kernel picks it by the addresses and ports of both ends, so all datagrams of a source
/// come to one of them; what is kept for a source needs no lock and no other loop. When a socket goes or comes, sources change over:
/// they begin anew there. What a protocol keeps for more than a source, such as the sessions of Shadowsocks 2022, which follow a client
/// to its next address, is behind ``InboundDatagramFormat``, which serves all loops.
final class InboundDatagrams: AnswerPath, @unchecked Sendable {  // confined to `loop.eventLoop`
    private static let pauseBeforeBinding = TimeAmount.seconds(1)

    private let services: CoreServices
    private let loop: LoopContext
    private let owner: Listener.Owner
    private var sources: InboundSources?
    private var channel: (any Channel)?

    init(services: CoreServices, loop: LoopContext, owner: Listener.Owner) {
        self.services = services
        self.loop = loop
        self.owner = owner
    }

    /// - Parameters:
    ///   - sharesPort: Another socket of this process is on the port, and lets this one on it.
    ///   - reads: False: datagrams wait in the kernel.
    func bind(
        _ address: SocketAddress, sharesPort: Bool = false, reads: Bool = true
    ) -> EventLoopFuture<any Channel> {
        let options = owner.inbound.transport.socket
        return UDPSockets.bind(to: address, options, on: loop, sharesPort: sharesPort, reads: reads) {
            [weak self] data, from in
            // Nothing can be sent to port 0.
            guard let source = Endpoint(from), source.port != 0 else { return }
            self?.sources?.received(data, from: source, from)
        }.assumeIsolated().map { [self] channel in
            self.channel = channel
            let local = channel.localAddress.flatMap(Endpoint.init) ?? .unspecified
            sources = InboundSources(services: services, loop: loop, owner: owner, local: local, path: self)
            channel.closeFuture.assumeIsolated().whenComplete { [self] _ in
                self.channel.map { owner.inbound.forget($0) }
                self.channel = nil
                sources?.close()
                sources = nil
                if !owner.inbound.isClosed { bindAgain(local) }
            }
            return channel
        }.nonisolated()
    }

    var isFull: Bool { !(channel?.isWritable ?? false) }

    func send(_ data: ByteBuffer, from peer: Destination, to source: Endpoint, _ address: SocketAddress) {
        if let channel { loop.datagrams.send(data, to: address, from: channel) }
    }

    /// The kernel refused to send a datagram (a firewall, a route that went away), for which SwiftNIO closes the socket.
    private func bindAgain(_ local: Endpoint) {
        services.log.write(
            .warning, "app/proxyman/inbound",
            "the UDP socket of \(owner.inbound.tag) on \(local) failed; it is opened again")
        let address = SocketAddress(local.ip, port: local.port)
        loop.eventLoop.scheduleTask(in: Self.pauseBeforeBinding) { [self] in
            guard !owner.inbound.isClosed else { return }
            bind(address, sharesPort: true).assumeIsolated().whenComplete { [self] result in
                switch result {
                case .success(let channel):
                    let inbound = owner.inbound
                    guard !inbound.isClosed else { return channel.close(promise: nil) }
                    inbound.opened(
                        Listener(place: .udp(address), socket: ChannelSocket(channel: channel), owner: owner))
                case .failure:
                    bindAgain(local)
                }
            }
        }
    }
}
