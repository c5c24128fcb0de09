// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
package import ProxyModel

/// Datagrams of one source as XUDP frames in a protocol's stream, so that one connection serves all targets.
package final class XUDPBodyCodec: PacketStreamCodec {
    private let frames: XUDPCodec
    private let body: any StreamCodec
    private var received: ByteBuffer?

    package init(globalID: UInt64, in body: any StreamCodec) {
        frames = XUDPCodec(globalID: globalID)
        self.body = body
    }

    package func decode(_ buffer: inout ByteBuffer, defaultTarget: Destination) throws -> Packet? {
        while true {
            if var waiting = received {
                let packet = try frames.decode(&waiting, defaultTarget: defaultTarget)
                received = waiting.readableBytes > 0 ? waiting : nil
                if let packet { return packet }
            }
            guard var part = try body.decode(&buffer) else {
                guard !body.sawEnd else { throw ProtocolError(.refused, "the server ended the datagrams") }
                return nil
            }
            if received == nil { received = part } else { received?.writeBuffer(&part) }
        }
    }

    package func encode(_ packet: Packet, allocator: ByteBufferAllocator) -> ByteBuffer? {
        frames.encode(packet, allocator: allocator).map { body.encode($0, allocator: allocator) }
    }
}

extension PacketSharing {
    /// How VLESS and VMess do it: DNS and QUIC, whose clients speak to one server, go without frames.
    static func byXUDP(_ target: Destination) -> PacketSharing {
        XUDP.isEnabled && target.port != 53 && target.port != 443 ? .shared : .alone
    }
}
