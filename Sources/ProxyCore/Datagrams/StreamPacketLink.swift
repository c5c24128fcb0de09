// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel

/// Datagrams framed in a connection to a server. Confined to its event loop.
final class StreamPacketLink: PacketLink {
    /// Datagrams that wait for the connection; more are dropped, as a network would.
    private static let waitingLimit = 64

    private let connection: ClientConnection
    private let codec: any PacketStreamCodec
    private let target: Destination
    private let limit: TimeAmount
    /// Frames for the first write; nil once the connection is open.
    private var waiting: ByteBuffer? = ByteBuffer()
    private var waitingCount = 0

    init(plan: PacketStreamPlan, outbound: Outbound, session: Session, services: CoreServices, loop: LoopContext) {
        connection = ClientConnection(
            dial: plan.dial, outbound: outbound, session: session, services: services, loop: loop)
        codec = plan.codec
        target = session.target
        limit = .seconds(Int64(services.policy.level(0).handshake))
    }

    func start(receive: @escaping (Packet) -> Void, failed: @escaping (any Error) -> Void) {
        connection.onOpen = { [weak self] _, _ in
            defer { self?.waiting = nil }
            return self?.waiting
        }
        connection.onReceive = { [codec, target] buffer in
            while let packet = try codec.decode(&buffer, defaultTarget: target) { receive(packet) }
        }
        connection.onFailure = failed
        connection.start(limit: limit)
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
