// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel

/// Datagrams framed in a connection to a server. Confined to its event loop.
final class StreamPacketLink: PacketLink {
    /// Datagrams that wait for the connection; more are dropped, as a network would.
    private static let waitingLimit = 64

    private let connection: DialledConnection
    private let codec: any PacketStreamCodec
    private let target: Destination
    private let limit: TimeAmount
    /// Frames for the first write; nil once the connection is open.
    private var waiting: ByteBuffer? = ByteBuffer()
    private var waitingCount = 0

    init(plan: PacketStreamPlan, outbound: Outbound, session: Session, services: CoreServices, loop: LoopContext) {
        // The datagrams are counted where they enter and leave.
        connection = DialledConnection(
            plan.dial, by: outbound, session: session, services: services, loop: loop, isCounted: false)
        codec = plan.codec
        target = session.target
        limit = .seconds(Int64(services.policy.level(0).handshake))
    }

    func start(receive: @escaping (Packet) -> Void, failed: @escaping (any Error) -> Void) {
        connection.onOpen = { [weak self] said in self?.opened(behind: said) }
        connection.onReceive = { [codec, target] buffer in
            while let packet = try codec.decode(&buffer, defaultTarget: target) { receive(packet) }
        }
        connection.onEnd = { failed($0.error) }
        connection.start(limit: limit)
    }

    private func opened(behind said: ByteBuffer?) {
        var first = said ?? ByteBuffer()
        if var frames = waiting { first.writeBuffer(&frames) }
        waiting = nil
        if first.readableBytes > 0 { connection.send(first) }
    }

    func send(_ packet: Packet) {
        if waiting != nil {
            guard waitingCount < Self.waitingLimit, var frame = codec.encode(packet, allocator: .init()) else { return }
            waitingCount += 1
            waiting?.writeBuffer(&frame)
        } else if connection.isWritable, let frame = codec.encode(packet, allocator: .init()) {
            connection.send(frame)
        }
    }

    func close() { connection.close() }
}
