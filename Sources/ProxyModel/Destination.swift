// SPDX-License-Identifier: Apache-2.0

/// A host: an IP address or a domain name.
package enum Address: Sendable, Hashable, CustomStringConvertible {
    case ip(IPAddress)
    case domain(String)

    /// Reads a host as configurations and peers write it: an IP literal (IPv6 with or without brackets), else a domain.
    package init(_ text: String) {
        if let ip = IPAddress(text) { self = .ip(ip) } else { self = .domain(text) }
    }

    package var ip: IPAddress? {
        if case .ip(let ip) = self { ip } else { nil }
    }

    package var domain: String? {
        if case .domain(let name) = self { name } else { nil }
    }

    /// IPv6 in brackets, everything else as it is.
    package var description: String {
        switch self {
        case .ip(let ip): ip.bracketed
        case .domain(let name): name
        }
    }
}

/// Where a connection or a datagram is to go.
package struct Destination: Sendable, Hashable, CustomStringConvertible {
    package var network: Network
    package var address: Address
    package var port: UInt16

    package init(network: Network, address: Address, port: UInt16) {
        self.network = network
        self.address = address
        self.port = port
    }

    /// `tcp:example.com:443`.
    package var description: String { "\(network):\(address):\(port)" }

    /// `example.com:443`.
    package var hostAndPort: String { "\(address):\(port)" }
}

/// One end of a socket.
package struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    package var ip: IPAddress
    package var port: UInt16

    package init(ip: IPAddress, port: UInt16) {
        self.ip = ip
        self.port = port
    }

    package static let unspecified = Endpoint(ip: .anyV4, port: 0)

    package var description: String { "\(ip.bracketed):\(port)" }
}
