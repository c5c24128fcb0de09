// SPDX-License-Identifier: Apache-2.0
import JSONText

/// Where a fallback leads: `80`, `127.0.0.1:80`, `/run/web.sock`, `@abstract`.
struct FallbackTarget {
    var dest: String
    /// `tcp`, `unix` or `serve`; empty when the target is none of them.
    var type: String

    /// - Parameter type: the type that was written; empty to find it out.
    init(dest: String, type: String, servesWebSocket: Bool = true) {
        self.dest = dest
        self.type = type
        guard type.isEmpty, let first = dest.first else { return }
        if servesWebSocket, dest == "serve-ws-none" {
            self.type = "serve"
        } else if first == "/" || first == "@" {
            self.type = "unix"
            if dest.hasPrefix("@@") { self.dest = Self.padded(String(dest.dropFirst())) }
        } else {
            if Int(dest) != nil { self.dest = "localhost:" + dest }
            if HostAndPort(self.dest) != nil { self.type = "tcp" }
        }
    }

    /// An abstract socket's name filled with zeros to the length of the address structure, as haproxy needs it.
    private static func padded(_ name: String) -> String {
        let length = 108
        return name + String(repeating: "\0", count: max(0, length - name.utf8.count))
    }

    /// The target as text; a number is a port. Anything else that is no text counts as absent.
    static func text(of node: ConfigNode?) -> String {
        switch node?.node.value {
        case .number(let number): number.integer(as: UInt16.self).map(String.init) ?? ""
        case .string(let text): text
        default: ""
        }
    }
}

/// `host:port` in its parts; an IPv6 address stands in brackets. The port is any text.
struct HostAndPort {
    var host: String
    var port: String

    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { return nil }
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.contains("["), !host.contains("]") else { return nil }
        self.host = String(host)
        port = String(text[text.index(after: colon)...])
    }
}
