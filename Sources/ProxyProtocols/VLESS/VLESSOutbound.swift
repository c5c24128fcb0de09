// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import NIOCore
package import ProxyCore
package import ProxyModel
package import XrayProtos

/// Sends streams and datagrams through a VLESS server, without encryption of its own.
///
/// All datagrams of a source share a connection (XUDP), without a flow those to the ports 53 and 443 excepted.
package final class VLESSOutbound: OutboundProtocol {
    package let name = "vless"
    private let server: Destination
    private let id: UserID
    private let usesVision: Bool
    /// Datagrams to port 443 are let through; otherwise browsers are made to go back from QUIC to TLS.
    private let takesUDP443: Bool

    package init(_ config: Xray_Proxy_Vless_Outbound_Config) throws(ControlError) {
        let scope = "proxy/vless/outbound"
        let endpoint = try ServerEndpoint(
            config.hasVnext ? config.vnext : nil, scope: scope, missing: "no vnext found")
        guard case .vless(let account, let id)? = endpoint.user?.account else {
            throw ControlError("\(scope): the server has no VLESS user")
        }
        switch account.flow {
        case "", "\0": (usesVision, takesUDP443) = (false, true)
        case VLESS.visionFlow: (usesVision, takesUDP443) = (true, false)
        case VLESS.visionFlow + "-udp443": (usesVision, takesUDP443) = (true, true)
        default: throw .notAvailable(scope, "flow \"\(account.flow)\"")
        }
        guard ["", "none"].contains(account.encryption) else {
            throw .notAvailable(scope, "encryption \"\(account.encryption)\"")
        }
        guard !account.hasReverse else { throw .notAvailable(scope, "reverse") }
        server = endpoint.address
        self.id = id
    }

    package func stream(for session: Session) -> StreamPlan {
        guard !usesVision || !session.target.isMuxRequest else {
            return .refuse("\(VLESS.visionFlow) does not carry streams in mux")
        }
        guard var plan = dial(session.target) else {
            return .refuse("\(session.target): the domain is too long for VLESS")
        }
        plan.codec = usesVision ? VisionCodec(id: id, isClient: true) : VLESSResponseCodec()
        plan.copiesDirectly = usesVision
        return .dial(plan)
    }

    package func packets(for session: Session) -> PacketPlan {
        let isShared = sharing(session.target) == .shared
        guard let plan = dial(isShared ? .mux : session.target) else {
            return .refuse("\(session.target): the domain is too long for VLESS")
        }
        guard isShared else { return .stream(PacketStreamPlan(dial: plan, codec: VLESSResponsePacketCodec())) }
        let body: any StreamCodec = usesVision ? VisionCodec(id: id, isClient: true) : VLESSResponseCodec()
        return .stream(PacketStreamPlan(dial: plan, codec: XUDPBodyCodec(globalID: session.globalID, in: body)))
    }

    package func sharing(_ target: Destination) -> PacketSharing {
        guard takesUDP443 || target.port != 443 else { return .refused("\(VLESS.visionFlow) rejected UDP/443 traffic") }
        return usesVision ? .shared : .byXUDP(target)
    }

    private func dial(_ target: Destination) -> DialPlan? {
        guard let request = VLESS.request(id: id, target: target, flow: usesVision ? VLESS.visionFlow : "") else {
            return nil
        }
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
