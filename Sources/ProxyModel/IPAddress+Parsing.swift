// SPDX-License-Identifier: Apache-2.0

extension IPAddress {
    /// Parses `1.2.3.4`, `2001:db8::1`, `::ffff:1.2.3.4` or a bracketed IPv6 address. A zone (`%eth0`), a leading zero in
    /// an IPv4 part and surrounding blanks are refused, as by Go's parser.
    package init?(_ text: some StringProtocol) {
        var bytes = Array(text.utf8)
        if bytes.count > 2, bytes.first == UInt8(ascii: "["), bytes.last == UInt8(ascii: "]") {
            bytes = Array(bytes[1..<(bytes.count - 1)])
            guard bytes.contains(UInt8(ascii: ":")) else { return nil }
        }
        guard bytes.count <= 45 else { return nil }
        if bytes.contains(UInt8(ascii: ":")) {
            guard let groups = Self.parseIPv6(bytes[...]) else { return nil }
            let high = groups[..<4].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
            let low = groups[4...].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
            self.init(high: high, low: low)
        } else {
            guard let value = Self.parseIPv4(bytes[...]) else { return nil }
            self = .v4(value)
        }
    }

    private static func parseIPv4(_ bytes: ArraySlice<UInt8>) -> UInt32? {
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0") else { return nil }
            var octet: UInt32 = 0
            for byte in part {
                guard byte >= 0x30, byte <= 0x39 else { return nil }
                octet = octet * 10 + UInt32(byte - 0x30)
            }
            guard octet <= 255 else { return nil }
            value = value << 8 | octet
        }
        return value
    }

    private static func parseIPv6(_ bytes: ArraySlice<UInt8>) -> [UInt16]? {
        var head: [UInt16] = []
        var tail: [UInt16] = []
        var sawGap = false
        var rest = bytes
        if rest.starts(with: [0x3a, 0x3a]) {
            sawGap = true
            rest = rest.dropFirst(2)
        }
        while !rest.isEmpty {
            let part = rest.prefix { $0 != 0x3a }
            rest = rest[part.endIndex...]
            var values: [UInt16]
            if part.contains(UInt8(ascii: ".")) {
                guard rest.isEmpty, let v4 = parseIPv4(part) else { return nil }
                values = [UInt16(truncatingIfNeeded: v4 >> 16), UInt16(truncatingIfNeeded: v4)]
            } else {
                guard (1...4).contains(part.count), let value = hexadecimal(part) else { return nil }
                values = [value]
            }
            if sawGap { tail += values } else { head += values }
            guard !rest.isEmpty else { break }
            rest = rest.dropFirst()
            if rest.first == 0x3a {
                guard !sawGap else { return nil }
                sawGap = true
                rest = rest.dropFirst()
            } else if rest.isEmpty {
                return nil
            }
        }
        let count = head.count + tail.count
        guard sawGap ? count <= 7 : count == 8 else { return nil }
        return head + Array(repeating: 0, count: 8 - count) + tail
    }

    private static func hexadecimal(_ part: ArraySlice<UInt8>) -> UInt16? {
        var value: UInt16 = 0
        for byte in part {
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt16(byte - 0x30)
            case 0x41...0x46: value = value << 4 | UInt16(byte - 0x41 + 10)
            case 0x61...0x66: value = value << 4 | UInt16(byte - 0x61 + 10)
            default: return nil
            }
        }
        return value
    }
}
