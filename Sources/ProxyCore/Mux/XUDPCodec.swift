// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyModel

/// Datagrams of one source in a connection of their own: mux frames of the session 0, each with the address that it goes to or
/// comes from (XUDP). The first frame opens the session.
package final class XUDPCodec: PacketStreamCodec {
    /// The original's largest datagram, whose buffer holds an address as well.
    private static let sizeLimit = MuxFrame.dataLimit - 666

    private let globalID: UInt64
    private var isOpen = false

    /// - Parameter globalID: What the server knows the source by when it comes back on another connection; 0 = nothing.
    package init(globalID: UInt64 = 0) {
        self.globalID = globalID
    }

    /// - Throws: when the server ends the session.
    package func decode(_ buffer: inout ByteBuffer, defaultTarget: Destination) throws -> Packet? {
        while let frame = try MuxFrame.read(&buffer) {
            switch frame.status {
            case .keep:
                guard let data = frame.data else { continue }
                return Packet(payload: data, peer: frame.peer ?? defaultTarget)
            case .end:
                throw ProtocolError(.refused, "the server ended the datagrams")
            case .new, .keepAlive: continue
            }
        }
        return nil
    }

    package func encode(_ packet: Packet, allocator: ByteBufferAllocator) -> ByteBuffer? {
        let count = packet.payload.readableBytes
        guard (1...Self.sizeLimit).contains(count) else { return nil }
        var frame = MuxFrame(id: 0, status: isOpen ? .keep : .new, peer: packet.peer, data: packet.payload)
        frame.globalID = globalID
        var bytes = allocator.buffer(capacity: count + 40)
        guard frame.writeHead(to: &bytes) else { return nil }
        bytes.writeImmutableBuffer(packet.payload)
        isOpen = true
        return bytes
    }
}
