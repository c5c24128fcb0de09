// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyCore
package import ProxyModel
package import XrayProtos

/// VMess with AEAD headers and the ciphers AES-128-GCM and ChaCha20-Poly1305.
package final class VMessInbound: InboundProtocol {
    package let name = "vmess"
    package let networks: Set<Network> = [.tcp]
    package let servesRemoteUsers = true
    package let userLevel: UInt32 = 0
    private let server = VMessServer(users: VMessUsers())

    package init(_ config: Xray_Proxy_Vmess_Inbound_Config) throws(ControlError) {
        let scope = "proxy/vmess/inbound"
        for user in config.user {
            let parsed: ParsedUser
            do { parsed = try ParsedUser(user) } catch { throw error.within("\(scope): failed to get VMess user") }
            do { try server.users.add(parsed) } catch { throw error.within("\(scope): failed to initiate user") }
        }
    }

    package var users: (any UserManaging)? { server.users }

    package func accept(_ connection: AcceptedConnection) -> any StreamHandshake {
        VMessHandshake(server: server, source: connection.source.ip)
    }
}
