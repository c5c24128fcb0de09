// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import NIOCore
package import ProxyCore
import ProxyModel
package import XrayProtos

/// Sends streams through a VLESS server, without a flow and without encryption of its own.
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
        guard let request = VLESS.request(id: id, target: session.target) else {
            return .refuse("\(session.target): the domain is too long for VLESS")
        }
        var plan = DialPlan(target: server, codec: VLESSResponseCodec())
        plan.handshake = PrefaceHandshake(request)
        return .dial(plan)
    }

    package func packets(for session: Session) -> PacketPlan {
        .refuse("datagrams through VLESS are not available in this build")
    }
}

/// Takes the response header off what a VLESS server sends; payload is not changed.
package final class VLESSResponseCodec: StreamCodec {
    private var sawHeader = false
    package let sawEnd = false

    package init() {}

    package func decode(_ buffer: inout ByteBuffer) throws -> ByteBuffer? {
        if !sawHeader {
            var rest = buffer
            guard let version = rest.readInteger(as: UInt8.self) else { return nil }
            guard version == 0 else { throw ProtocolError(.malformed, "VLESS response of version \(version)") }
            guard let addons = rest.readInteger(as: UInt8.self), rest.readSlice(length: Int(addons)) != nil else {
                return nil
            }
            buffer = rest
            sawHeader = true
        }
        return buffer.readableBytes > 0 ? buffer.readSlice(length: buffer.readableBytes) : nil
    }

    package func encode(_ payload: ByteBuffer, allocator: ByteBufferAllocator) -> ByteBuffer { payload }
    package func finish(allocator: ByteBufferAllocator) -> ByteBuffer? { nil }
}
