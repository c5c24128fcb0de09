// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
import ProxyModel

/// Reads a SOCKS 4 or 4a CONNECT request; there is no BIND, and no way to name a password.
package struct SOCKS4Handshake: StreamHandshake {
    /// Longest user id and longest domain, in bytes.
    private static let textLimit = 255

    private let isAllowed: Bool
    private var granted: StreamRequest?

    /// - Parameter isAllowed: false where the inbound asks for a password; every request is then refused.
    package init(isAllowed: Bool) {
        self.isAllowed = isAllowed
    }

    package mutating func receive(_ buffer: inout ByteBuffer) -> HandshakeStep {
        if let granted { return .stream(granted) }
        var rest = buffer
        guard let version = rest.readInteger(as: UInt8.self) else { return .needMore }
        guard version == SOCKS.version4 else { return .reject(HandshakeRejection("unknown version")) }
        guard isAllowed else { return Self.refuse("password required") }
        guard let command = rest.readInteger(as: UInt8.self) else { return .needMore }
        guard command == SOCKS.connect else { return Self.refuse("unknown command") }
        guard let port = rest.readInteger(as: UInt16.self), let bytes = rest.readSlice(length: 4) else {
            return .needMore
        }
        do {
            guard try Self.readText(&rest) != nil else { return .needMore }
            let address: Address
            if bytes.readableBytesView.first == 0 {
                guard let name = try Self.readText(&rest) else { return .needMore }
                address = try AddressForm.host(name.readableBytesView)
            } else {
                guard let ip = IPAddress(bytes: bytes.readableBytesView) else { return Self.refuse("bad address") }
                address = .ip(ip)
            }
            buffer = rest
            granted = StreamRequest(target: Destination(network: .tcp, address: address, port: port))
            return .reply(SOCKS.reply4(granted: true))
        } catch {
            return Self.refuse("bad address")
        }
    }

    private static func refuse(_ reason: String) -> HandshakeStep {
        .reject(HandshakeRejection(reason, reply: SOCKS.reply4(granted: false)))
    }

    /// The bytes before the next NUL, which is consumed; nil when it has not come yet.
    private static func readText(_ buffer: inout ByteBuffer) throws(ProtocolError) -> ByteBuffer? {
        let view = buffer.readableBytesView.prefix(textLimit + 1)
        guard let end = view.firstIndex(of: 0) else {
            guard view.count <= textLimit else { throw ProtocolError(.tooLarge, "text without an end") }
            return nil
        }
        let text = buffer.readSlice(length: end - view.startIndex)
        buffer.moveReaderIndex(forwardBy: 1)
        return text
    }
}
