// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import NIOCore
package import ProxyCore
package import ProxyModel
package import XrayProtos

/// Sends streams and datagrams through a Shadowsocks server with an AEAD method (SIP004).
package final class ShadowsocksOutbound: OutboundProtocol {
    package let name = "shadowsocks"
    private let server: Destination
    private let user: ShadowsocksUser

    package init(_ config: Xray_Proxy_Shadowsocks_ClientConfig) throws(ControlError) {
        let scope = "proxy/shadowsocks"
        let endpoint = try ServerEndpoint(
            config.hasServer ? config.server : nil, scope: scope, missing: "no target server found")
        guard let parsed = endpoint.user, case .shadowsocks(let account) = parsed.account else {
            throw ControlError("\(scope): the server has no Shadowsocks account")
        }
        guard let cipher = ShadowsocksCipher(account.cipherType) else {
            throw ControlError("\(scope): failed to get cipher > \(scope): Unsupported cipher.")
        }
        server = endpoint.address
        user = ShadowsocksUser(
            user: try parsed.user(), cipher: cipher, masterKey: cipher.masterKey(password: account.password))
    }

    package func stream(for session: Session) -> StreamPlan {
        let salt = RandomBytes.array(user.cipher.keyLength)
        guard let (request, uplink) = Self.request(user, target: session.target, salt: salt) else {
            return .refuse("\(session.target): the domain is too long for Shadowsocks")
        }
        var plan = DialPlan(target: server, codec: ShadowsocksCodec(client: user, uplink: uplink))
        plan.handshake = PrefaceHandshake(request)
        return .dial(plan)
    }

    package func packets(for session: Session) -> PacketPlan {
        .relay(PacketRelayPlan(server: server, codec: ShadowsocksDatagramCodec(user: user)))
    }

    /// The salt and the target's address in a chunk of its own, and the writer for what follows.
    package static func request(
        _ user: ShadowsocksUser, target: Destination, salt: [UInt8]
    ) -> (request: ByteBuffer, uplink: ShadowsocksChunks)? {
        var address = ByteBuffer()
        guard AddressForm.portLast.write(target.address, port: target.port, to: &address) else { return nil }
        var request = ByteBuffer(bytes: salt)
        var uplink = ShadowsocksChunks(cipher: user.cipher.session(masterKey: user.masterKey, salt: salt))
        guard (try? uplink.write(address, into: &request)) != nil else { return nil }
        return (request, uplink)
    }
}
