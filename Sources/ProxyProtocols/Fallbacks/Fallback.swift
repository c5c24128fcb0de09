// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyModel

/// One of `fallbacks`: where a connection goes that does not speak the protocol.
package struct Fallback: Sendable, Equatable {
    package enum Target: Sendable, Equatable {
        case tcp(Destination)
        case unix(path: String)
    }

    package var target: Target
    /// 0 = none, else the version of the PROXY header that is sent first.
    package var proxyHeader: Int

    /// - Parameters:
    ///   - type: `tcp` or `unix`.
    ///   - dest: `host:port`, a socket's path, or `@name`.
    package init(type: String, dest: String, xver: UInt64, scope: String) throws(ControlError) {
        switch type {
        case "tcp":
            guard let target = Self.destination(dest) else {
                throw ControlError("\(scope): fallback: \(dest) is no host with a port")
            }
            self.target = .tcp(target)
        case "unix":
            guard dest.hasPrefix("/") || dest.hasPrefix("@"), dest.utf8.count > 1 else {
                throw ControlError("\(scope): fallback: \(dest) is no path of a socket")
            }
            target = .unix(path: dest)
        case "serve":
            throw .notAvailable(scope, "fallback to \(dest)")
        default:
            throw ControlError("\(scope): fallback: unknown type \"\(type)\" (known: tcp, unix)")
        }
        guard xver <= 2 else {
            throw ControlError("\(scope): fallback: invalid PROXY protocol version, \(xver) (known: 0, 1, 2)")
        }
        proxyHeader = Int(xver)
    }

    private static func destination(_ text: String) -> Destination? {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            return nil
        }
        let host = String(text[..<colon])
        guard !host.isEmpty else { return nil }
        return Destination(network: .tcp, address: Address(host), port: port)
    }
}
