// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyCore
package import ProxyModel
package import XrayProtos

/// An HTTP/1 proxy. Without accounts it serves everybody.
package final class HTTPInbound: InboundProtocol {
    package let name = "http"
    package let networks: Set<Network> = [.tcp]
    package let speaksHTTP1 = true
    package let userLevel: UInt32
    private let settings: HTTPProxySettings

    package init(_ config: Xray_Proxy_Http_ServerConfig) throws(ControlError) {
        userLevel = config.userLevel
        settings = HTTPProxySettings(
            users: config.accounts.isEmpty ? nil : try .http(config.accounts, level: config.userLevel),
            allowsTransparent: config.allowTransparent)
    }

    /// Who serves everybody has no users; who has had some serves nobody when the last one is gone.
    package var users: (any UserManaging)? { settings.users }

    package func accept(_ connection: AcceptedConnection) -> any StreamHandshake {
        HTTPHandshake(settings: settings)
    }
}
