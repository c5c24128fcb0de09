// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel

/// Datagrams framed inside a connection, to and from a ``PacketSession``. Confined to its event loop.
final class StreamPacketRelay {
    private let end: StreamEnd
    private let codec: any PacketStreamCodec
    private let target: Destination
    private var responseHeader: ByteBuffer?
    private var session: PacketSession?
    private let limitAfterInput: TimeAmount
    /// Called once when there is nothing more to relay, unless `close` was called: the datagrams have ended, or the client sends
    /// something else.
    var onEnd: (() -> Void)?

    init(
        services: CoreServices, loop: LoopContext, end: StreamEnd, session: Session, sniffing: SniffingSettings?,
        request: PacketRequest
    ) {
        self.end = end
        self.codec = request.codec
        self.target = request.target
        self.responseHeader = request.responseHeader
        let level = services.policy.level(session.level)
        limitAfterInput = .seconds(Int64(level.downlinkOnly))
        let packets = PacketSession(
            services: services, loop: loop, origin: session, sniffing: sniffing,
            patience: .seconds(Int64(level.connectionIdle))
        ) { [weak self] packet in
            self?.deliver(packet)
        }
        packets.onIdle = { [weak self] in self?.leave() }
        self.session = packets
    }

    func received(_ buffer: inout ByteBuffer) {
        guard session != nil else { return buffer.clear() }
        do {
            while let packet = try codec.decode(&buffer, defaultTarget: target) { session?.send(packet) }
        } catch {
            buffer.clear()
            leave()
        }
    }

    /// The client sends no more, and may still wait for answers.
    func inputEnded() { session?.endInput(limitAfterInput) }

    func close() {
        onEnd = nil
        session?.close()
        session = nil
    }

    private func leave() {
        let onEnd = onEnd
        close()
        onEnd?()
    }

    private func deliver(_ packet: Packet) {
        // A slow reader loses datagrams, as behind any full queue.
        guard end.channel?.isWritable ?? false,
            var frame = codec.encode(packet, allocator: ByteBufferAllocator())
        else { return }
        if var header = responseHeader {
            responseHeader = nil
            header.writeBuffer(&frame)
            end.send(header)
        } else {
            end.send(frame)
        }
    }
}
