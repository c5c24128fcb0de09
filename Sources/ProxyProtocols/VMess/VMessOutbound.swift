// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import Foundation
import NIOCore
package import ProxyCore
package import ProxyModel
package import XrayProtos

/// Sends streams and datagrams through a VMess server, with AEAD headers.
///
/// The body is sealed by AES-128-GCM or ChaCha20-Poly1305, with masked sizes and padding, and with authenticated sizes where
/// the account's `experiments` ask for it. All datagrams of a source share a connection (XUDP), those to the ports 53 and 443
/// excepted.
package final class VMessOutbound: OutboundProtocol {
    package let name = "vmess"
    private let server: Destination
    private let user: VMessUser
    private let identifiers: AESBlock
    private let security: VMessRequest.Security
    private let options: VMessRequest.Options
    private let marksEnd: Bool

    package init(_ config: Xray_Proxy_Vmess_Outbound_Config) throws(ControlError) {
        let scope = "proxy/vmess/outbound"
        let endpoint = try ServerEndpoint(
            config.hasReceiver ? config.receiver : nil, scope: scope, missing: "no vnext found")
        guard let parsed = endpoint.user, case .vmess(let account, let id) = parsed.account else {
            throw ControlError("\(scope): the server has no VMess user")
        }
        guard let security = VMessRequest.Security(rawValue: UInt8(clamping: account.securitySettings.type.rawValue))
        else { throw ControlError("\(scope): unknown security type: \(account.securitySettings.type.rawValue)") }
        server = endpoint.address
        user = VMessUser(user: try parsed.user(), id: id)
        identifiers = AESBlock(key: user.identifierKey)
        self.security = security
        var options: VMessRequest.Options = [.chunkStream, .chunkMasking, .globalPadding]
        if account.testsEnabled.contains("AuthenticatedLength") { options.insert(.authenticatedLength) }
        self.options = options
        marksEnd = !account.testsEnabled.contains("NoTerminationSignal")
    }

    package func stream(for session: Session) -> StreamPlan {
        guard let (request, body) = request(session.target) else {
            return .refuse("\(session.target): the domain is too long for VMess")
        }
        var plan = DialPlan(target: server, codec: VMessCodec(client: body, marksEnd: marksEnd))
        plan.handshake = PrefaceHandshake(request)
        return .dial(plan)
    }

    package func packets(for session: Session) -> PacketPlan {
        let isShared = sharing(session.target) == .shared
        guard let (request, body) = request(isShared ? .mux : session.target) else {
            return .refuse("\(session.target): the domain is too long for VMess")
        }
        var plan = DialPlan(target: server)
        plan.handshake = PrefaceHandshake(request)
        let codec: any PacketStreamCodec =
            isShared
            ? XUDPBodyCodec(globalID: session.globalID, in: VMessCodec(client: body, marksEnd: marksEnd))
            : VMessPacketCodec(client: body)
        return .stream(PacketStreamPlan(dial: plan, codec: codec))
    }

    package func sharing(_ target: Destination) -> PacketSharing { .byXUDP(target) }

    private func request(_ target: Destination) -> (header: ByteBuffer, body: VMessBody)? {
        let random = RandomBytes.array(33)
        let request = VMessRequest(
            iv: Array(random[..<16]), key: Array(random[16..<32]), check: random[32], options: options,
            security: security, target: target)
        let sealed = request.sealed(
            commandKey: user.commandKey, identifiers: identifiers, time: Int64(Date().timeIntervalSince1970))
        guard let sealed, let body = VMessBody(request) else { return nil }
        return (sealed, body)
    }
}
