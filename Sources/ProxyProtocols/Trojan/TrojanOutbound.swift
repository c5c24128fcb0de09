// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyCore
import ProxyModel
package import XrayProtos

/// Sends streams and datagrams through a Trojan server. All datagrams of a source share one connection.
package final class TrojanOutbound: OutboundProtocol {
    package let name = "trojan"
    private let server: Destination
    private let key: TrojanKey

    package init(_ config: Xray_Proxy_Trojan_ClientConfig) throws(ControlError) {
        let scope = "proxy/trojan"
        let endpoint = try ServerEndpoint(
            config.hasServer ? config.server : nil, scope: scope, missing: "no target trojan server found")
        guard case .trojan(let account)? = endpoint.user?.account else {
            throw ControlError("\(scope): the server has no Trojan user")
        }
        server = endpoint.address
        key = TrojanKey(password: account.password)
    }

    package func stream(for session: Session) -> StreamPlan {
        guard let plan = dial(session) else { return .refuse("\(session.target): the domain is too long for Trojan") }
        return .dial(plan)
    }

    package func packets(for session: Session) -> PacketPlan {
        guard let plan = dial(session) else { return .refuse("\(session.target): the domain is too long for Trojan") }
        return .stream(PacketStreamPlan(dial: plan, codec: TrojanPacketCodec()))
    }

    private func dial(_ session: Session) -> DialPlan? {
        guard let request = Trojan.request(key: key, target: session.target) else { return nil }
        var plan = DialPlan(target: server)
        plan.handshake = PrefaceHandshake(request)
        return plan
    }
}
