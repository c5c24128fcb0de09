// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import NIOCore
package import ProxyCore
package import ProxyModel
package import XrayProtos

/// Sends streams and datagrams through a VLESS server, without a flow and without encryption of its own. Datagrams of one
/// target go in a connection of their own.
package final class VLESSOutbound: OutboundProtocol {
    package let name = "vless"
    private let server: Destination
    private let id: UserID

    package init(_ config: Xray_Proxy_Vless_Outbound_Config) throws(ControlError) {
        let scope = "proxy/vless/outbound"
        let endpoint = try ServerEndpoint(
            config.hasVnext ? config.vnext : nil, scope: scope, missing: "no vnext found")
        guard case .vless(let account, let id)? = endpoint.user?.account else {
            throw ControlError("\(scope): the server has no VLESS user")
        }
        guard ["", "\0"].contains(account.flow) else { throw .notAvailable(scope, "flow \"\(account.flow)\"") }
        guard ["", "none"].contains(account.encryption) else {
            throw .notAvailable(scope, "encryption \"\(account.encryption)\"")
        }
        guard !account.hasReverse else { throw .notAvailable(scope, "reverse") }
        server = endpoint.address
        self.id = id
    }

    package func stream(for session: Session) -> StreamPlan {
        guard var plan = dial(session) else { return .refuse("\(session.target): the domain is too long for VLESS") }
        plan.codec = VLESSResponseCodec()
        return .dial(plan)
    }

    package func packets(for session: Session) -> PacketPlan {
        guard let plan = dial(session) else { return .refuse("\(session.target): the domain is too long for VLESS") }
        return .stream(PacketStreamPlan(dial: plan, codec: VLESSResponsePacketCodec(), servesAllTargets: false))
    }

    private func dial(_ session: Session) -> DialPlan? {
        guard let request = VLESS.request(id: id, target: session.target) else { return nil }
        var plan = DialPlan(target: server)
        plan.handshake = PrefaceHandshake(request)
        return plan
    }
}

/// Takes the response header off what a VLESS server sends; payload is not changed.
package final class VLESSResponseCodec: StreamCodec {
    private var sawHeader = false
    package let sawEnd = false

    package init() {}

    package func decode(_ buffer: inout ByteBuffer) throws -> ByteBuffer? {
        if !sawHeader {
            guard try VLESS.readResponseHeader(&buffer) else { return nil }
            sawHeader = true
        }
        return buffer.readableBytes > 0 ? buffer.readSlice(length: buffer.readableBytes) : nil
    }

    package func encode(_ payload: ByteBuffer, allocator: ByteBufferAllocator) -> ByteBuffer { payload }
    package func finish(allocator: ByteBufferAllocator) -> ByteBuffer? { nil }
}

/// Datagrams from a VLESS server, behind its response header.
package final class VLESSResponsePacketCodec: PacketStreamCodec {
    private let packets = LengthPacketCodec()
    private var sawHeader = false

    package init() {}

    package func decode(_ buffer: inout ByteBuffer, defaultTarget: Destination) throws -> Packet? {
        if !sawHeader {
            guard try VLESS.readResponseHeader(&buffer) else { return nil }
            sawHeader = true
        }
        return try packets.decode(&buffer, defaultTarget: defaultTarget)
    }

    package func encode(_ packet: Packet, allocator: ByteBufferAllocator) -> ByteBuffer? {
        packets.encode(packet, allocator: allocator)
    }
}
