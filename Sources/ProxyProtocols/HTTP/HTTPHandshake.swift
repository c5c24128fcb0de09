// SPDX-License-Identifier: Apache-2.0
import Foundation
package import NIOCore
package import ProxyCore
import ProxyModel

/// What the handshakes of one HTTP proxy share.
package struct HTTPProxySettings: Sendable {
    /// nil = no authentication.
    package var users: PasswordUsers?
    /// Requests for a path alone are served too, by their Host field.
    package var allowsTransparent: Bool

    package init(users: PasswordUsers? = nil, allowsTransparent: Bool = false) {
        self.users = users
        self.allowsTransparent = allowsTransparent
    }
}

/// Speaks an HTTP/1 proxy's side: CONNECT, and plain requests with an absolute URI.
///
/// A plain request goes to its server in origin form with `Connection: close`, its body and the whole answer pass as they
/// are, and the connection ends with the answer: one request on a connection. Clients open another for the next.
package struct HTTPHandshake: StreamHandshake {
    /// Longest request head, in bytes.
    private static let headLimit = 64 * 1024

    private let settings: HTTPProxySettings
    /// Bytes of the head in which no end was found.
    private var searched = 0
    private var granted: StreamRequest?

    package init(settings: HTTPProxySettings) {
        self.settings = settings
    }

    package mutating func receive(_ buffer: inout ByteBuffer) -> HandshakeStep {
        if let granted { return .stream(granted) }
        guard let length = HTTPHeadLength.find(in: buffer.readableBytesView, from: searched) else {
            guard buffer.readableBytes < Self.headLimit else { return .reject(HandshakeRejection("head too large")) }
            searched = buffer.readableBytes
            return .needMore
        }
        guard length <= Self.headLimit else { return .reject(HandshakeRejection("head too large")) }
        guard let bytes = buffer.getBytes(at: buffer.readerIndex, length: length),
            let head = HTTPRequestHead(bytes[...])
        else { return .reject(HandshakeRejection("not a request")) }
        let user: ProxyUser?
        switch authenticate(head) {
        case .some(let found): user = found
        case .none: return .reject(HandshakeRejection("wrong password", reply: HTTPProxyReply.authenticationRequired))
        }
        buffer.moveReaderIndex(forwardBy: length)
        return head.method == "CONNECT" ? connect(head, user) : forward(head, user, &buffer)
    }

    private mutating func connect(_ head: HTTPRequestHead, _ user: ProxyUser?) -> HandshakeStep {
        guard let target = HTTPAuthority.destination(head.target, defaultPort: 80) else {
            return .reject(HandshakeRejection("bad address", reply: HTTPProxyReply.badRequest))
        }
        granted = StreamRequest(target: target, user: user)
        return .reply(HTTPProxyReply.established)
    }

    private mutating func forward(
        _ head: HTTPRequestHead, _ user: ProxyUser?, _ buffer: inout ByteBuffer
    ) -> HandshakeStep {
        guard let (authority, path, defaultPort) = route(head),
            let target = HTTPAuthority.destination(authority, defaultPort: defaultPort)
        else { return .reject(HandshakeRejection("no absolute URI", reply: HTTPProxyReply.badRequest)) }
        var payload = HTTPForwarding.originForm(head, host: authority, path: path)
        payload.writeBuffer(&buffer)
        buffer = payload
        var request = StreamRequest(target: target, user: user)
        request.unreachableReply = HTTPProxyReply.serviceUnavailable
        return .stream(request)
    }

    private func route(_ head: HTTPRequestHead) -> (authority: String, path: String, defaultPort: UInt16)? {
        if let (authority, path, port) = HTTPAuthority.split(absolute: head.target) {
            return (String(authority), path, port)
        }
        let hosts = head.values("host")
        guard settings.allowsTransparent, head.target.hasPrefix("/"), hosts.count == 1, let host = hosts.first else {
            return nil
        }
        return (host, head.target, 80)
    }

    /// The authenticated user: `.some(nil)` where none is asked for, nil when the credentials are not right.
    private func authenticate(_ head: HTTPRequestHead) -> ProxyUser?? {
        guard let users = settings.users else { return .some(nil) }
        let fields = head.values("proxy-authorization")
        guard fields.count == 1, let field = fields.first, field.prefix(6).lowercased() == "basic ",
            let bytes = Data(base64Encoded: String(field.dropFirst(6))),
            let text = String(bytes: bytes, encoding: .utf8), let colon = text.firstIndex(of: ":")
        else { return nil }
        let password = text[text.index(after: colon)...].utf8
        guard let user = users.user(name: String(text[..<colon]), password: password) else { return nil }
        return .some(user)
    }
}
