// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyCore
package import ProxyModel
package import XrayProtos

/// `socks`, also called `mixed`: SOCKS 4, 4a and 5, and an HTTP proxy on the same port.
package final class SOCKSInbound: InboundProtocol {
    package let name = "socks"
    package let networks: Set<Network> = [.tcp]
    package var userLevel: UInt32 { settings.level }
    private let settings: SOCKSSettings

    package init(_ config: Xray_Proxy_Socks_ServerConfig) throws(ControlError) {
        let accounts: [String: String]?
        switch config.authType {
        case .noAuth: accounts = nil
        case .password: accounts = config.accounts
        case .UNRECOGNIZED(let value): throw ControlError("proxy/socks: unknown auth type: \(value)")
        }
        settings = SOCKSSettings(
            accounts: accounts, level: config.userLevel, servesDatagrams: config.udpEnabled,
            announced: try config.address.host())
    }

    package func accept(_ connection: AcceptedConnection) -> any StreamHandshake {
        MixedHandshake(settings: settings, local: connection.local)
    }
}

/// What the handshakes of one SOCKS inbound share.
package struct SOCKSSettings: Sendable {
    /// Passwords by user name; nil = no authentication.
    package var accounts: [String: String]?
    package var level: UInt32
    /// UDP ASSOCIATE is served.
    package var servesDatagrams: Bool
    /// What the reply to UDP ASSOCIATE names in place of the address that the connection came in on.
    package var announced: Address?

    package init(
        accounts: [String: String]? = nil, level: UInt32 = 0, servesDatagrams: Bool = false, announced: Address? = nil
    ) {
        self.accounts = accounts
        self.level = level
        self.servesDatagrams = servesDatagrams
        self.announced = announced
    }
}
