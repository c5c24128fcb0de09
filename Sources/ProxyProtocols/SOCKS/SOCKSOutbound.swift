// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyCore
import ProxyModel
package import XrayProtos

/// Sends streams and datagrams through a SOCKS5 server. All datagrams of a source share one association.
package final class SOCKSOutbound: OutboundProtocol {
    package let name = "socks"
    private let server: Destination
    private let account: SOCKSClientHandshake.Account?

    package init(_ config: Xray_Proxy_Socks_ClientConfig) throws(ControlError) {
        let scope = "proxy/socks"
        let endpoint = try ServerEndpoint(
            config.hasServer ? config.server : nil, scope: scope, missing: "no target server found")
        switch endpoint.user?.account {
        case nil: account = nil
        case .socks(let given)?:
            guard given.username.utf8.count <= 255, given.password.utf8.count <= 255 else {
                throw ControlError("\(scope): the server's user name or password is longer than 255 bytes")
            }
            account = SOCKSClientHandshake.Account(username: given.username, password: given.password)
        default: throw ControlError("\(scope): the server's account is not of SOCKS")
        }
        server = endpoint.address
    }

    package func stream(for session: Session) -> StreamPlan {
        var plan = DialPlan(target: server)
        plan.handshake = SOCKSClientHandshake(target: session.target, account: account)
        return .dial(plan)
    }

    package func packets(for session: Session) -> PacketPlan {
        .relay(
            PacketRelayPlan(
                server: server, codec: SOCKSDatagramCodec(),
                association: .init(
                    dial: DialPlan(target: server), handshake: SOCKSClientHandshake(associateWith: account))))
    }
}
