// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import NIOCore
package import ProxyCore
package import XrayProtos

/// Swallows everything; answers streams with a fixed page where that is configured.
package final class BlackholeOutbound: OutboundProtocol {
    package let name = "blackhole"
    private let response: ByteBuffer?

    /// Line ends are bare line feeds, as in the original.
    private static let forbidden = ByteBuffer(
        string: """
            HTTP/1.1 403 Forbidden
            Connection: close
            Cache-Control: max-age=3600, public
            Content-Length: 0



            """)

    package init(_ config: Xray_Proxy_Blackhole_Config) throws(ControlError) {
        guard config.hasResponse else {
            response = nil
            return
        }
        switch try config.response.instance() {
        case is Xray_Proxy_Blackhole_NoneResponse: response = nil
        case is Xray_Proxy_Blackhole_HTTPResponse: response = Self.forbidden
        default: throw ControlError("proxy/blackhole: not a response: \(config.response.type)")
        }
    }

    /// A second is left for the page to arrive.
    package func stream(for session: Session) -> StreamPlan {
        .discard(response: response, hold: response == nil ? .zero : .seconds(1))
    }

    package func packets(for session: Session) -> PacketPlan { .discard }
}
