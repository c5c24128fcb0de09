// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyCore
import ProxyModel
package import XrayProtos

/// Sends streams and datagrams through a Shadowsocks server of the 2022 edition. The key may be several with colons
/// between: those of the servers on the way, and the user's own last.
package final class Shadowsocks2022Outbound: OutboundProtocol {
    package let name = "shadowsocks-2022"
    private let server: Destination
    private let keys: Shadowsocks2022Keys

    package init(_ config: Xray_Proxy_Shadowsocks2022_ClientConfig) throws(ControlError) {
        let scope = "proxy/shadowsocks_2022"
        guard config.hasAddress, let host = try config.address.host() else {
            throw ControlError("\(scope): no target server found")
        }
        guard let port = UInt16(exactly: config.port), port > 0 else {
            throw ControlError("\(scope): invalid port: \(config.port)")
        }
        let method = try Shadowsocks2022Method.named(config.method, scope: scope)
        var chain: [[UInt8]] = []
        for text in config.key.split(separator: ":", omittingEmptySubsequences: false) {
            chain.append(try method.key(String(text), scope: scope))
        }
        guard let user = chain.popLast() else { throw ControlError("\(scope): a key is needed") }
        guard chain.isEmpty || method.hasBlockCipher else {
            throw ControlError("\(scope): \(method.rawValue) takes one key only")
        }
        server = Destination(network: .tcp, address: host, port: port)
        keys = Shadowsocks2022Keys(method: method, identities: chain, user: user)
    }

    package func stream(for session: Session) -> StreamPlan {
        let salt = RandomBytes.array(keys.method.keyLength)
        let padding = RandomBytes.array(.random(in: 1...900))
        guard
            let (request, uplink) = keys.request(
                target: session.target, salt: salt, time: Shadowsocks2022Clock.system(), padding: padding)
        else { return .refuse("\(session.target): the domain is too long for Shadowsocks") }
        var plan = DialPlan(
            target: server,
            codec: Shadowsocks2022Codec(
                method: keys.method, key: keys.user, salt: salt, client: uplink, now: Shadowsocks2022Clock.system))
        plan.handshake = PrefaceHandshake(request)
        return .dial(plan)
    }

    package func packets(for session: Session) -> PacketPlan {
        .relay(PacketRelayPlan(server: server, codec: Shadowsocks2022DatagramCodec(keys: keys)))
    }
}
