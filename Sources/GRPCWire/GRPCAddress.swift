// SPDX-License-Identifier: Apache-2.0

/// Where a server listens or a client connects.
package enum GRPCAddress: Hashable, Sendable {
    /// A listener with an empty host takes all addresses of the machine, a client connects to the local one.
    case tcp(host: String, port: Int)
    /// A socket in the file system.
    case unix(path: String)
    /// A socket in Linux's abstract namespace; `padded` fills the address with zeros to its full length.
    case abstract(name: String, padded: Bool)

    /// Reads `host:port`, `:port`, `[::1]:port`, `/path`, `@name`, `@@name` (padded), and the URI forms `unix:path`, `unix:///path`,
    /// `unix-abstract:name`, `dns:///host:port`, `passthrough:///…`. Throws `INVALID_ARGUMENT`.
    package init(_ text: String) throws(GRPCStatus) {
        for scheme in ["dns:///", "passthrough:///", "ipv4:", "ipv6:", "dns:"] where text.hasPrefix(scheme) {
            try self.init(String(text.dropFirst(scheme.count)))
            return
        }
        if text.hasPrefix("unix-abstract:") {
            self = try Self.abstractSocket(name: text.dropFirst(14), padded: false, in: text)
        } else if text.hasPrefix("unix:") {
            let rest = text.dropFirst(5)
            self = try Self.unixSocket(path: rest.hasPrefix("//") ? rest.dropFirst(2) : rest, in: text)
        } else if text.hasPrefix("/") {
            self = try Self.unixSocket(path: text[...], in: text)
        } else if text.hasPrefix("@@") {
            self = try Self.abstractSocket(name: text.dropFirst(2), padded: true, in: text)
        } else if text.hasPrefix("@") {
            self = try Self.abstractSocket(name: text.dropFirst(), padded: false, in: text)
        } else {
            self = try Self.tcpSocket(text)
        }
    }

    private static func unixSocket(path: Substring, in text: String) throws(GRPCStatus) -> GRPCAddress {
        guard !path.isEmpty, path.utf8.count <= UnixSocket.maxPathLength, !path.utf8.contains(0) else {
            throw GRPCStatus(.invalidArgument, "not a unix socket path: \"\(text)\"")
        }
        return .unix(path: String(path))
    }

    private static func abstractSocket(name: Substring, padded: Bool, in text: String) throws(GRPCStatus) -> GRPCAddress
    {
        guard !name.isEmpty, name.utf8.count <= UnixSocket.maxPathLength else {
            throw GRPCStatus(.invalidArgument, "not an abstract socket name: \"\(text)\"")
        }
        return .abstract(name: String(name), padded: padded)
    }

    private static func tcpSocket(_ text: String) throws(GRPCStatus) -> GRPCAddress {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw GRPCStatus(.invalidArgument, "not an address with a port: \"\(text)\"")
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") || host.contains("[") || host.contains("/") {
            throw GRPCStatus(.invalidArgument, "not an address with a port: \"\(text)\"")
        }
        return .tcp(host: String(host), port: Int(port))
    }
}

extension GRPCAddress: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        case .abstract(let name, let padded): padded ? "@@\(name)" : "@\(name)"
        }
    }
}
