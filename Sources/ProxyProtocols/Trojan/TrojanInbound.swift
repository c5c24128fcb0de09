// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyCore
package import ProxyModel
package import XrayProtos

/// Trojan on whatever transport the inbound has; TLS is the transport's business. Fallbacks are refused.
package final class TrojanInbound: InboundProtocol {
    package let name = "trojan"
    package let networks: Set<Network> = [.tcp]
    package let servesRemoteUsers = true
    package let userLevel: UInt32 = 0
    private let table = TrojanUsers.trojan()

    package init(_ config: Xray_Proxy_Trojan_ServerConfig) throws(ControlError) {
        let scope = "proxy/trojan"
        guard config.fallbacks.isEmpty else { throw .notAvailable(scope, "fallbacks") }
        for user in config.users {
            let parsed: ParsedUser
            do { parsed = try ParsedUser(user) } catch { throw error.within("\(scope): failed to get trojan user") }
            do { try table.add(parsed) } catch { throw error.within("\(scope): failed to add user") }
        }
    }

    package var users: (any UserManaging)? { table }

    package func accept(_ connection: AcceptedConnection) -> any StreamHandshake {
        TrojanHandshake(users: table)
    }
}
