// SPDX-License-Identifier: Apache-2.0
import ProxyCore
package import ProxyModel

/// A host and port as a request target or Host field names them.
package enum HTTPAuthority {
    /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`; an absent or empty port is `defaultPort`. Nil for anything else.
    package static func destination(_ text: some StringProtocol, defaultPort: UInt16) -> Destination? {
        var host = String(text)
        var port = defaultPort
        let tailStart = host.lastIndex(of: "]") ?? host.startIndex
        if let colon = host[tailStart...].lastIndex(of: ":") {
            let digits = host[host.index(after: colon)...]
            if !digits.isEmpty {
                guard let number = UInt16(digits) else { return nil }
                port = number
            }
            host = String(host[..<colon])
        }
        if host.hasPrefix("[") {
            guard let ip = IPAddress(host) else { return nil }
            return Destination(network: .tcp, address: .ip(ip), port: port)
        }
        guard (1...255).contains(host.utf8.count), !host.contains(":"),
            let address = try? AddressForm.host(host.utf8)
        else { return nil }
        return Destination(network: .tcp, address: address, port: port)
    }

    /// The parts of an absolute URI (`http://host:port/path?query`): its authority, without user information, and what
    /// a server is asked for. Nil when there is no scheme that a proxy forwards.
    package static func split(
        absolute uri: String
    ) -> (authority: Substring, path: String, defaultPort: UInt16)? {
        let schemes: [(prefix: String, port: UInt16)] = [("http://", 80), ("https://", 443), ("ws://", 80)]
        let head = uri.prefix(8).lowercased()
        guard let scheme = schemes.first(where: { head.hasPrefix($0.prefix) }) else { return nil }
        let rest = uri.dropFirst(scheme.prefix.count)
        let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        let path = rest[end...].prefix { $0 != "#" }
        let authority = rest[..<end]
        let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        guard !host.isEmpty else { return nil }
        return (host, path.hasPrefix("/") ? String(path) : "/" + path, scheme.port)
    }
}
