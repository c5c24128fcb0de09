// SPDX-License-Identifier: Apache-2.0
import ProxyModel

/// The rule that VLESS and Trojan go to public servers encrypted only. As in the original it looks at the flat form of the
/// settings (`address` beside `port`), not at `vnext` and `servers`.
enum TransportSecurity {
    static func require(for protocolName: String, settings: ConfigNode) throws {
        guard protocolName == "vless" || protocolName == "trojan" else { return }
        let object = try settings.objectReader()
        guard let address = object["address"], try !isPrivate(address.address()) else { return }
        if protocolName == "vless" {
            let encryption = try object.string("encryption")
            guard encryption.isEmpty || encryption == "none" else { return }
        }
        throw address.error("\(protocolName) without TLS or other encryption needs a private server address")
    }

    static func isPrivate(_ address: Address) -> Bool {
        switch address {
        case .ip(let ip):
            return privateBlocks.contains { $0.contains(ip) }
        case .domain(let name):
            let name = name.lowercased()
            let plain = name.hasSuffix(".") ? String(name.dropLast()) : name
            return isSingleLabel(plain) || privateDomains.contains { plain == $0 || plain.hasSuffix("." + $0) }
        }
    }

    private struct Block {
        var bytes: [UInt8]
        var prefix: Int

        init(_ text: String, _ prefix: Int) {
            bytes = IPAddress(text)?.bytes ?? []
            self.prefix = prefix
        }

        func contains(_ ip: IPAddress) -> Bool {
            let other = ip.bytes
            guard other.count == bytes.count else { return false }
            return (0..<prefix).allSatisfy { bit in
                let mask = UInt8(0x80) >> (bit % 8)
                return bytes[bit / 8] & mask == other[bit / 8] & mask
            }
        }
    }

    private static let privateBlocks = [
        Block("0.0.0.0", 8), Block("10.0.0.0", 8), Block("100.64.0.0", 10), Block("127.0.0.0", 8),
        Block("169.254.0.0", 16), Block("172.16.0.0", 12), Block("192.0.0.0", 24), Block("192.0.2.0", 24),
        Block("192.88.99.0", 24), Block("192.168.0.0", 16), Block("198.18.0.0", 15), Block("198.51.100.0", 24),
        Block("203.0.113.0", 24), Block("224.0.0.0", 3), Block("::", 127), Block("fc00::", 7), Block("fe80::", 10),
        Block("ff00::", 8),
    ]

    private static let privateDomains = [
        "lan", "localdomain", "example", "invalid", "localhost", "test", "local", "home.arpa", "internal",
    ]

    /// A host name without dots.
    private static func isSingleLabel(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard (1...63).contains(bytes.count), let first = bytes.first, let last = bytes.last else { return false }
        return (0x61...0x7a).contains(first) && last != UInt8(ascii: "-")
            && bytes.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }
    }
}
