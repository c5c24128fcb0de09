// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel

/// Sockets that answers to redirected datagrams are sent from: one for each target, with the target's address, so that the client
/// sees its own question answered. Confined to its event loop.
///
/// The least recently used one goes when there are too many, which is looked for among all of them (some microseconds at the
/// limit, against four system calls for the new socket).
final class TargetSockets: AnswerPath, @unchecked Sendable {  // confined to `loop.eventLoop`
    /// Descriptors at a time, for one inbound and event loop.
    static let limit = 1024
    private static let idleLimit = TimeAmount.seconds(60)
    private static let sweepInterval = TimeAmount.seconds(15)
    private static let pauseBetweenRefusals = TimeAmount.seconds(1)

    private struct Entry {
        let socket: TransparentSocket
        var used: NIODeadline
    }

    private let loop: LoopContext
    private let options: SocketPlan
    private let limit: Int
    private let refused: (Endpoint, any Error) -> Void
    private var entries: [Endpoint: Entry] = [:]
    private var sweeper: RepeatedTask?
    private var nextRefusal = NIODeadline.uptimeNanoseconds(0)

    /// - Parameter refused: Told of a target that no socket could be opened for, once a second at most.
    init(
        loop: LoopContext, options: SocketPlan, limit: Int = TargetSockets.limit,
        refused: @escaping (Endpoint, any Error) -> Void
    ) {
        self.loop = loop
        self.options = options
        self.limit = limit
        self.refused = refused
    }

    var count: Int { entries.count }

    /// The kernel's queues are all there are.
    var isFull: Bool { false }

    func send(_ data: ByteBuffer, from peer: Destination, to source: Endpoint, _ address: SocketAddress) {
        // A source of one family hears nothing of the other, and nothing comes from port 0.
        guard case .ip(let ip) = peer.address, ip.isIPv4 == source.ip.isIPv4, peer.port != 0, !ip.isUnspecified else {
            return
        }
        socket(of: Endpoint(ip: ip, port: peer.port))?.send(data, to: address)
    }

    func close() {
        sweeper?.cancel()
        sweeper = nil
        entries = [:]
    }

    private func socket(of target: Endpoint) -> TransparentSocket? {
        if let index = entries.index(forKey: target) {
            entries.values[index].used = loop.now
            return entries.values[index].socket
        }
        if entries.count >= limit, let oldest = entries.min(by: { $0.value.used < $1.value.used }) {
            entries[oldest.key] = nil
        }
        do {
            let socket = try TransparentSocket(target, options, .answering)
            entries[target] = Entry(socket: socket, used: loop.now)
            if sweeper == nil {
                sweeper = loop.eventLoop.scheduleRepeatedTask(
                    initialDelay: Self.sweepInterval, delay: Self.sweepInterval
                ) { [weak self] _ in self?.closeIdle() }
            }
            return socket
        } catch {
            if loop.now >= nextRefusal {
                nextRefusal = loop.now + Self.pauseBetweenRefusals
                refused(target, error)
            }
            return nil
        }
    }

    func closeIdle() {
        let now = loop.now
        entries = entries.filter { $0.value.used + Self.idleLimit > now }
        guard entries.isEmpty else { return }
        sweeper?.cancel()
        sweeper = nil
    }
}
