// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import NIOPosix
import ProxyModel
import Synchronization
import Telemetry

/// Datagrams that TPROXY brings to an inbound's UDP port on their way to somebody else; answers go back from whom they were for.
///
/// One thread waits for them, reads what has come and hands it over, in batches and by source, to the event loops, of which each
/// serves its sources as for any other port. An event loop that lags behind loses datagrams, not memory. Thread-safe.
final class RedirectedDatagrams: ListeningSocket {
    /// Datagrams read before they are handed over.
    private static let batchLimit = 64
    /// Bytes on their way to one event loop, each datagram counted with what goes with it.
    private static let lagLimit = 4 << 20
    private static let costOfDatagram = 256
    private static let pauseAfterFailure: Int32 = 1_000  // milliseconds

    private enum Phase {
        case idle
        case running(EventLoopFuture<Void>)
        case closed
    }

    private let services: CoreServices
    private let inbound: Inbound
    private let socket: TransparentSocket
    private let local: Endpoint
    private let lanes: [Lane]
    /// The thread waits for its first end, too: a byte in it ends the waiting.
    private let wake: (reading: Int32, writing: Int32)
    private let phase = Mutex(Phase.idle)
    private let isStopping = Atomic(false)

    /// Binds the socket and reads nothing yet.
    /// - Throws: As ``TransparentSocket`` does.
    init(
        _ address: SocketAddress, inbound: Inbound, services: CoreServices, loops: LoopSet, sharesPort: Bool
    ) throws {
        self.services = services
        self.inbound = inbound
        socket = try TransparentSocket(
            Endpoint(address) ?? .unspecified, inbound.transport.socket, .reading(sharesPort: sharesPort))
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw IOError(errnoCode: errno, reason: "pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        wake = (ends[0], ends[1])
        let local = socket.localAddress.flatMap(Endpoint.init) ?? .unspecified
        self.local = local
        lanes = loops.contexts.map { Lane(inbound: inbound, services: services, loop: $0, local: local) }
    }

    deinit {
        Glibc.close(wake.reading)
        Glibc.close(wake.writing)
    }

    var localAddress: SocketAddress? { socket.localAddress }

    func sharePort() async { socket.sharePort() }

    func beginReading() async {
        phase.withLock { phase in
            guard case .idle = phase else { return }
            let end = lanes[0].loop.eventLoop.makePromise(of: Void.self)
            phase = .running(end.futureResult)
            let thread = Thread { [self] in
                work()
                end.succeed()
            }
            thread.name = "udp \(local.port)"
            thread.stackSize = 256 << 10
            thread.start()
        }
    }

    /// Reads no more, and ends what is kept for the sources.
    func close() async {
        isStopping.store(true, ordering: .relaxed)
        var byte: UInt8 = 0
        _ = write(wake.writing, &byte, 1)
        let before = phase.withLock { phase in
            defer { phase = .closed }
            return phase
        }
        if case .running(let end) = before { try? await end.get() }
        socket.release()
        for lane in lanes { try? await lane.close().get() }
    }

    // MARK: The thread

    private func work() {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: DatagramIO.largestDatagram, alignment: 16)
        defer { room.deallocate() }
        let allocator = ByteBufferAllocator()
        var batches = lanes.map { _ in [Lane.Datagram]() }
        var own = OwnAddresses()
        while !isStopping.load(ordering: .relaxed) {
            wait(for: socket.descriptor)
            do {
                for _ in 0..<Self.batchLimit {
                    guard let datagram = try socket.receive(in: room, allocator) else { break }
                    guard let item = admit(datagram, &own) else { continue }
                    let place = Int(UInt(bitPattern: item.source.hashValue) % UInt(lanes.count))
                    batches[place].append(item)
                }
            } catch {
                services.log.write(
                    .warning, "app/proxyman/inbound",
                    "reading datagrams of \(inbound.tag) on \(local) failed > \(error)")
                wait(for: nil, atMost: Self.pauseAfterFailure)
            }
            for (lane, place) in zip(lanes, batches.indices) where !batches[place].isEmpty {
                lane.take(batches[place])
                batches[place].removeAll(keepingCapacity: true)
            }
        }
    }

    /// Waits until something can be read, or the thread is to end.
    private func wait(for descriptor: Int32?, atMost limit: Int32 = -1) {
        var events = [pollfd(fd: wake.reading, events: Int16(POLLIN), revents: 0)]
        if let descriptor { events.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)) }
        _ = poll(&events, nfds_t(events.count), limit)
    }

    private func admit(_ datagram: TransparentSocket.Datagram, _ own: inout OwnAddresses) -> Lane.Datagram? {
        // Nothing can be sent to port 0.
        guard datagram.source.port != 0 else { return nil }
        if let target = datagram.target, isSelf(target, &own) {
            services.rejectDatagram(
                "datagram to the inbound itself", inbound: inbound.tag, proto: inbound.proto.name,
                source: datagram.source)
            return nil
        }
        let target = inbound.proto.packetTarget(local: local, original: datagram.target)
        return target.map { Lane.Datagram(payload: datagram.payload, source: datagram.source, target: $0) }
    }

    /// Whatever is sent there comes here again and again.
    private func isSelf(_ target: Endpoint, _ own: inout OwnAddresses) -> Bool {
        guard local.ip.isUnspecified else { return target == local }
        return target.port == local.port && own.contain(target.ip)
    }

    /// The addresses of this machine, which are looked up again after a second: anybody may send to the inbound's own port.
    private struct OwnAddresses {
        private static let lifetime = TimeAmount.seconds(1)
        private var ips: Set<IPAddress> = []
        private var expires = NIODeadline.uptimeNanoseconds(0)

        mutating func contain(_ ip: IPAddress) -> Bool {
            if ip.isLoopback { return true }
            let now = NIODeadline.now()
            if now >= expires {
                let devices = (try? System.enumerateDevices()) ?? []
                ips = Set(devices.compactMap { $0.address.flatMap(Endpoint.init)?.ip })
                expires = now + Self.lifetime
            }
            return ips.contains(ip)
        }
    }

    // MARK: One event loop's part

    private final class Lane: Sendable {
        struct Datagram: Sendable {
            var payload: ByteBuffer
            var source: Endpoint
            var target: Destination
        }

        let loop: LoopContext
        private let sources: InboundSources
        private let targets: TargetSockets
        private let lag = Atomic<Int>(0)

        init(inbound: Inbound, services: CoreServices, loop: LoopContext, local: Endpoint) {
            self.loop = loop
            let targets = TargetSockets(loop: loop, options: inbound.transport.socket) { target, error in
                services.log.write(
                    .info, "app/proxyman/inbound", "\(inbound.tag) cannot answer from \(target) > \(error)")
            }
            self.targets = targets
            sources = InboundSources(
                services: services, loop: loop, owner: Listener.Owner(inbound), local: local, path: targets)
        }

        /// Called on the thread.
        func take(_ batch: [Datagram]) {
            let cost = batch.reduce(0) { $0 + $1.payload.readableBytes + RedirectedDatagrams.costOfDatagram }
            guard lag.add(cost, ordering: .relaxed).newValue <= RedirectedDatagrams.lagLimit else {
                lag.subtract(cost, ordering: .relaxed)
                return
            }
            loop.eventLoop.execute { [self] in
                lag.subtract(cost, ordering: .relaxed)
                for datagram in batch {
                    sources.received(
                        datagram.payload, from: datagram.source,
                        SocketAddress(datagram.source.ip, port: datagram.source.port), to: datagram.target)
                }
            }
        }

        func close() -> EventLoopFuture<Void> {
            loop.eventLoop.submit { [self] in
                sources.close()
                targets.close()
            }
        }
    }
}
