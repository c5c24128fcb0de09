// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyCore
package import ProxyModel
package import XrayProtos

/// An HTTP/1 proxy. Without accounts it serves everybody.
package final class HTTPInbound: InboundProtocol {
    package let name = "http"
    package let networks: Set<Network> = [.tcp]
    package var userLevel: UInt32 { settings.level }
    private let settings: HTTPProxySettings

    package init(_ config: Xray_Proxy_Http_ServerConfig) throws(ControlError) {
        settings = HTTPProxySettings(
            accounts: config.accounts.isEmpty ? nil : config.accounts, level: config.userLevel,
            allowsTransparent: config.allowTransparent)
    }

    package func accept(_ connection: AcceptedConnection) -> any StreamHandshake {
        HTTPHandshake(settings: settings)
    }
}
