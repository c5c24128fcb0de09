// SPDX-License-Identifier: Apache-2.0

/// A transport-layer network, numbered as `xray.common.net.Network` numbers it on the wire.
package enum Network: Int, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    case unknown = 0
    case tcp = 2
    case udp = 3
    case unix = 4

    package var description: String {
        switch self {
        case .unknown: "unknown"
        case .tcp: "tcp"
        case .udp: "udp"
        case .unix: "unix"
        }
    }

    /// The network that a configuration names ("tcp", "UDP" …), without regard to case; nil for any other text.
    package init?(name: some StringProtocol) {
        switch name.lowercased() {
        case "tcp": self = .tcp
        case "udp": self = .udp
        case "unix": self = .unix
        default: return nil
        }
    }
}
