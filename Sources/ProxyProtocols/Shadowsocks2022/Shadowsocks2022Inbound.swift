// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyCore
package import ProxyModel
package import XrayProtos

/// Shadowsocks of the 2022 edition, with one key for everybody, or with one for each user and one for the port.
package final class Shadowsocks2022Inbound: InboundProtocol {
    package let name: String
    package let networks: Set<Network>
    package let datagramFormat: (any InboundDatagramFormat)?
    package let servesRemoteUsers = true
    package let userLevel: UInt32
    /// Nil where there is one key for everybody.
    package let users: (any UserManaging)?
    private let server: Shadowsocks2022Server
    private static let scope = "proxy/shadowsocks_2022"

    package init(_ config: Xray_Proxy_Shadowsocks2022_ServerConfig) throws(ControlError) {
        let method = try Shadowsocks2022Method.named(config.method, scope: Self.scope)
        let level = UInt32(clamping: config.level)
        let user = ProxyUser(email: config.email, level: level)
        name = "shadowsocks-2022"
        userLevel = level
        users = nil
        server = Shadowsocks2022Server(
            method: method, access: .one(try method.key(config.key, scope: Self.scope), user))
        networks = Self.networks(config.network)
        datagramFormat = networks.contains(.udp) ? Shadowsocks2022Datagrams(server: server) : nil
    }

    package init(_ config: Xray_Proxy_Shadowsocks2022_MultiUserServerConfig) throws(ControlError) {
        let scope = Self.scope
        let method = try Shadowsocks2022Method.named(config.method, scope: scope)
        guard method.hasBlockCipher else { throw ControlError("\(scope): \(method.rawValue) serves one user only") }
        let table = Shadowsocks2022Users.shadowsocks2022(method, scope: scope)
        for user in config.users {
            let parsed: ParsedUser
            do { parsed = try ParsedUser(user) } catch {
                throw error.within("\(scope): failed to parse shadowsocks user")
            }
            do { try table.add(parsed) } catch { throw error.within("\(scope): failed to add user") }
        }
        name = "shadowsocks-2022-multi"
        userLevel = 0
        users = table
        server = Shadowsocks2022Server(
            method: method, access: .many(try method.key(config.key, scope: scope), table))
        networks = Self.networks(config.network)
        datagramFormat = networks.contains(.udp) ? Shadowsocks2022Datagrams(server: server) : nil
    }

    private static func networks(_ values: [Xray_Common_Net_Network]) -> Set<Network> {
        let networks = ProxyProtocols.networks(values).intersection([.tcp, .udp])
        return networks.isEmpty ? [.tcp] : networks
    }

    package func accept(_ connection: AcceptedConnection) -> any StreamHandshake {
        Shadowsocks2022Handshake(server: server)
    }
}
