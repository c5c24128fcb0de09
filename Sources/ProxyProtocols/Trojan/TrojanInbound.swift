// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyCore
package import ProxyModel
package import XrayProtos

/// Trojan on whatever transport the inbound has; TLS is the transport's business.
package final class TrojanInbound: InboundProtocol {
    package let name = "trojan"
    package let networks: Set<Network> = [.tcp]
    package let servesRemoteUsers = true
    package let userLevel: UInt32 = 0
    private let table = TrojanUsers.trojan()
    private let fallbacks: FallbackTable?

    package init(_ config: Xray_Proxy_Trojan_ServerConfig) throws(ControlError) {
        let scope = "proxy/trojan"
        fallbacks = FallbackTable(
            try config.fallbacks.map { entry throws(ControlError) in
                try FallbackTable.Entry(
                    name: entry.name, alpn: entry.alpn, path: entry.path, type: entry.type, dest: entry.dest,
                    xver: entry.xver, scope: scope)
            })
        for user in config.users {
            let parsed: ParsedUser
            do { parsed = try ParsedUser(user) } catch { throw error.within("\(scope): failed to get trojan user") }
            do { try table.add(parsed) } catch { throw error.within("\(scope): failed to add user") }
        }
    }

    package var users: (any UserManaging)? { table }

    package func accept(_ connection: AcceptedConnection) -> any StreamHandshake {
        TrojanHandshake(users: table, door: FallbackDoor(fallbacks, connection))
    }
}
