// SPDX-License-Identifier: Apache-2.0

/// What the first bytes of a session tell of it.
package struct SniffedContent: Sendable, Equatable {
    /// `http1`, `tls`, `quic` or `bittorrent`.
    package var protocolName: String
    /// The name that the client asks for, in letters, digits, `-`, `.`, `_` and `:` only; empty where the protocol has none.
    package var domain: String
    /// HTTP headers by lower-case name, with `:method` and `:path`.
    package var attributes: [String: String]

    package init(protocolName: String, domain: String = "", attributes: [String: String] = [:]) {
        self.protocolName = protocolName
        self.domain = domain
        self.attributes = attributes
    }
}

package enum SniffVerdict: Sendable, Equatable {
    case found(SniffedContent)
    /// It begins as this protocol does, and is not complete.
    case needsMore
    case notThis
}

/// How much of a session is looked at.
package enum SniffLimits {
    /// Bytes of a stream, or of the TLS messages inside of QUIC packets.
    package static let bytes = 32_767
    /// Headers of an HTTP request that become attributes; more are not looked at.
    package static let headers = 128
}

/// Names as peers send them are shown in logs and handed to resolvers, so nothing but host names and addresses passes.
func isHostText(_ bytes: some Collection<UInt8>) -> Bool {
    (1...255).contains(bytes.count)
        && bytes.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
            case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"): true
            default: false
            }
        }
}
