// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import Foundation
package import ProxyCore
import ProxyModel
package import XrayProtos

/// Sends streams through an HTTP/1 proxy by CONNECT.
package final class HTTPOutbound: OutboundProtocol {
    package let name = "http"
    package let speaksHTTP1 = true
    private let server: Destination
    /// Name and value, ready to be written.
    private let fields: [(name: String, value: String)]

    package init(_ config: Xray_Proxy_Http_ClientConfig) throws(ControlError) {
        let scope = "proxy/http"
        let endpoint = try ServerEndpoint(
            config.hasServer ? config.server : nil, scope: scope, missing: "no target server found")
        var fields: [(name: String, value: String)] = []
        switch endpoint.user?.account {
        case nil: break
        case .http(let account)?:
            let credentials = Data("\(account.username):\(account.password)".utf8).base64EncodedString()
            fields.append(("Proxy-Authorization", "Basic \(credentials)"))
        default: throw ControlError("\(scope): the server's account is not of HTTP")
        }
        for field in config.header {
            let line = field.key + field.value
            guard !field.key.isEmpty, !field.key.contains(":"), !line.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f })
            else { throw ControlError("\(scope): invalid header field: \"\(field.key)\"") }
            fields.append((field.key, field.value))
        }
        self.fields = fields
        server = endpoint.address
    }

    package func stream(for session: Session) -> StreamPlan {
        var plan = DialPlan(target: server)
        plan.handshake = HTTPClientHandshake(target: session.target, fields: fields)
        return .dial(plan)
    }

    package func packets(for session: Session) -> PacketPlan {
        .refuse("an HTTP proxy does not carry datagrams")
    }
}
