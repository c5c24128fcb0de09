// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
package import ProxyModel

/// Tells SOCKS 4, SOCKS 5 and HTTP apart by the first byte, and leaves the rest to their handshakes.
package struct MixedHandshake: StreamHandshake {
    private let settings: SOCKSSettings
    private let local: Endpoint
    private var chosen: (any StreamHandshake)?

    package init(settings: SOCKSSettings, local: Endpoint) {
        self.settings = settings
        self.local = local
    }

    package mutating func receive(_ buffer: inout ByteBuffer) -> HandshakeStep {
        if chosen == nil {
            guard let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return .needMore }
            switch first {
            case SOCKS.version4: chosen = SOCKS4Handshake(isAllowed: settings.users == nil)
            case SOCKS.version5: chosen = SOCKS5Handshake(settings: settings, local: local)
            default:
                chosen = HTTPHandshake(settings: HTTPProxySettings(users: settings.users))
            }
        }
        return chosen?.receive(&buffer) ?? .needMore
    }
}
