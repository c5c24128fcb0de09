// SPDX-License-Identifier: Apache-2.0
package import ProxyModel

/// A block of addresses that share their first bits.
package struct CIDRBlock: Sendable, Hashable {
    private let network: IPAddress
    private let bits: Int

    /// Nil when `bits` is more than the address has. The bits behind the prefix are ignored.
    package init?(_ address: IPAddress, bits: Int) {
        guard (0...(address.isIPv4 ? 32 : 128)).contains(bits) else { return nil }
        self.bits = bits
        network = Self.masked(address, bits: bits)
    }

    package var isIPv4: Bool { network.isIPv4 }

    /// An IPv4 block never contains an IPv6 address, nor the other way round.
    package func contains(_ address: IPAddress) -> Bool {
        address.isIPv4 == network.isIPv4 && Self.masked(address, bits: bits) == network
    }

    private static func masked(_ address: IPAddress, bits: Int) -> IPAddress {
        switch address {
        case .v4(let value):
            return .v4(bits == 0 ? 0 : value & ~UInt32(0) << (32 - UInt32(bits)))
        case .v6(let high, let low):
            // Shifts by 64 or more give 0, so that each half needs no special case.
            let highMask = ~UInt64(0) << max(0, 64 - bits)
            let lowMask = ~UInt64(0) << min(64, 128 - bits)
            return .v6(high: high & highMask, low: low & lowMask)
        }
    }
}

extension CIDRBlock {
    /// Addresses that are not on the public internet: private, loopback, link-local, shared, documentation, benchmark,
    /// multicast and reserved blocks of the IANA special-purpose registries (RFC 6890).
    package static let notPublic: [CIDRBlock] = [
        ("0.0.0.0", 8), ("10.0.0.0", 8), ("100.64.0.0", 10), ("127.0.0.0", 8), ("169.254.0.0", 16),
        ("172.16.0.0", 12), ("192.0.0.0", 24), ("192.0.2.0", 24), ("192.88.99.0", 24), ("192.168.0.0", 16),
        ("198.18.0.0", 15), ("198.51.100.0", 24), ("203.0.113.0", 24), ("224.0.0.0", 3),
        ("::", 127), ("64:ff9b:1::", 48), ("100::", 64), ("2001::", 23), ("2001:db8::", 32), ("3fff::", 20),
        ("5f00::", 16), ("fc00::", 7), ("fe80::", 10), ("ff00::", 8),
    ].compactMap { text, bits in IPAddress(text).flatMap { CIDRBlock($0, bits: bits) } }
}
