// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyCore
package import ProxyModel
package import XrayProtos

/// `socks`, also called `mixed`: SOCKS 4, 4a and 5, and an HTTP proxy on the same port.
package final class SOCKSInbound: InboundProtocol {
    package let name = "socks"
    package let networks: Set<Network> = [.tcp]
    package let speaksHTTP1 = true
    package let userLevel: UInt32
    private let settings: SOCKSSettings

    package init(_ config: Xray_Proxy_Socks_ServerConfig) throws(ControlError) {
        let users: PasswordUsers?
        switch config.authType {
        case .noAuth: users = nil
        case .password: users = try .socks(config.accounts, level: config.userLevel)
        case .UNRECOGNIZED(let value): throw ControlError("proxy/socks: unknown auth type: \(value)")
        }
        userLevel = config.userLevel
        settings = SOCKSSettings(
            users: users, servesDatagrams: config.udpEnabled, announced: try config.address.host())
    }

    /// Who asks nobody for a name has no users.
    package var users: (any UserManaging)? { settings.users }

    package func accept(_ connection: AcceptedConnection) -> any StreamHandshake {
        MixedHandshake(settings: settings, local: connection.local)
    }
}

/// What the handshakes of one SOCKS inbound share.
package struct SOCKSSettings: Sendable {
    /// nil = no authentication.
    package var users: PasswordUsers?
    /// UDP ASSOCIATE is served.
    package var servesDatagrams: Bool
    /// What the reply to UDP ASSOCIATE names in place of the address that the connection came in on.
    package var announced: Address?

    package init(users: PasswordUsers? = nil, servesDatagrams: Bool = false, announced: Address? = nil) {
        self.users = users
        self.servesDatagrams = servesDatagrams
        self.announced = announced
    }
}
