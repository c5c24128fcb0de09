// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyCore
package import ProxyModel
package import XrayProtos

/// VLESS without encryption of its own: it relies on the transport's.
///
/// Reverse is not there: requests for it are refused.
package final class VLESSInbound: InboundProtocol {
    package let name = "vless"
    package let networks: Set<Network> = [.tcp]
    package let servesRemoteUsers = true
    package let userLevel: UInt32 = 0
    package let copiesDirectly = true
    private let table = VLESSUsers.vless()
    private let fallbacks: FallbackTable?

    package init(_ config: Xray_Proxy_Vless_Inbound_Config) throws(ControlError) {
        let scope = "proxy/vless/inbound"
        guard ["", "none"].contains(config.decryption) else {
            throw .notAvailable(scope, "decryption \"\(config.decryption)\"")
        }
        fallbacks = FallbackTable(
            try config.fallbacks.map { entry throws(ControlError) in
                try FallbackTable.Entry(
                    name: entry.name, alpn: entry.alpn, path: entry.path, type: entry.type, dest: entry.dest,
                    xver: entry.xver, scope: scope)
            })
        for user in config.users {
            let parsed: ParsedUser
            do { parsed = try ParsedUser(user) } catch { throw error.within("\(scope): failed to get VLESS user") }
            do { try table.add(parsed) } catch { throw error.within("\(scope): failed to initiate user") }
        }
    }

    package var users: (any UserManaging)? { table }

    package func accept(_ connection: AcceptedConnection) -> any StreamHandshake {
        VLESSHandshake(users: table, door: FallbackDoor(fallbacks, connection))
    }
}
