// SPDX-License-Identifier: Apache-2.0

/// The text of an IP address that a message carries as bytes.
enum IPText {
    /// Four bytes or sixteen; IPv6 is compressed (RFC 5952) and in brackets, IPv4 within IPv6 is shown as IPv4.
    /// Nil for any other length.
    static func describe(_ bytes: [UInt8]) -> String? {
        switch bytes.count {
        case 4:
            return bytes.map { String($0) }.joined(separator: ".")
        case 16:
            if bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xff, bytes[11] == 0xff {
                return describe(Array(bytes[12...]))
            }
            let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
            return "[" + compressed(groups) + "]"
        default:
            return nil
        }
    }

    /// Puts "::" for the first of the longest runs of two or more zeroes.
    private static func compressed(_ groups: [UInt16]) -> String {
        var best = 0..<0
        var start = 0
        while start < groups.count {
            var end = start
            while end < groups.count, groups[end] == 0 { end += 1 }
            if end - start >= 2, end - start > best.count { best = start..<end }
            start = max(end, start + 1)
        }
        let texts = groups.map { String($0, radix: 16) }
        if best.isEmpty { return texts.joined(separator: ":") }
        return texts[..<best.lowerBound].joined(separator: ":") + "::"
            + texts[best.upperBound...].joined(separator: ":")
    }
}
