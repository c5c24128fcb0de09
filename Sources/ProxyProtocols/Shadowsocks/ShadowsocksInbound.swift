// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyCore
package import ProxyModel
package import XrayProtos

/// Shadowsocks with AEAD methods and any number of users on one port.
///
/// A request that comes again is refused, and so is a datagram.
package final class ShadowsocksInbound: InboundProtocol {
    package let name = "shadowsocks"
    package let networks: Set<Network>
    package let datagramFormat: (any InboundDatagramFormat)?
    package let servesRemoteUsers = true
    package let userLevel: UInt32 = 0
    private let table: ShadowsocksUsers
    private let drain = DrainLength()
    private let salts = ShadowsocksSalts()

    package init(_ config: Xray_Proxy_Shadowsocks_ServerConfig) throws(ControlError) {
        let scope = "proxy/shadowsocks"
        let table = ShadowsocksUsers()
        let networks = ProxyProtocols.networks(config.network).intersection([.tcp, .udp])
        self.table = table
        self.networks = networks.isEmpty ? [.tcp] : networks
        datagramFormat = networks.contains(.udp) ? ShadowsocksDatagrams(users: table) : nil
        for user in config.users {
            let parsed: ParsedUser
            do { parsed = try ParsedUser(user) } catch {
                throw error.within("\(scope): failed to parse shadowsocks user")
            }
            do { try table.add(parsed) } catch { throw error.within("\(scope): failed to add user") }
        }
    }

    package var users: (any UserManaging)? { table }

    package func accept(_ connection: AcceptedConnection) -> any StreamHandshake {
        ShadowsocksHandshake(users: table, drain: drain, source: connection.source.ip, salts: salts)
    }
}
