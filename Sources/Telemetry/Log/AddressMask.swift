// SPDX-License-Identifier: Apache-2.0
import ProxyModel

/// Hides a part of every IP address in a line of a log.
package struct AddressMask: Sendable, Equatable {
    /// How many bits of an IPv4 address stay (0, 8, 16, 24 or 32), and how many of an IPv6 address (0 to 128).
    private let ipv4Bits: Int
    private let ipv6Bits: Int

    /// Reads the setting `maskAddress`: `half` keeps 16 and 32 bits, `quarter` 8 and 16, `full` none, `/A+/B` A and B; a part that
    /// is left out keeps none. Nil (no masking) for an empty setting.
    package init?(setting: String) throws(TelemetryError) {
        switch setting {
        case "": return nil
        case "half": (ipv4Bits, ipv6Bits) = (16, 32)
        case "quarter": (ipv4Bits, ipv6Bits) = (8, 16)
        case "full": (ipv4Bits, ipv6Bits) = (0, 0)
        default:
            let parts = setting.split(separator: "+", omittingEmptySubsequences: false)
            let bits = parts.map { part in
                part.isEmpty ? 0 : Int(part.hasPrefix("/") ? part.dropFirst() : part) ?? -1
            }
            let (v4, v6) = (bits.first ?? -1, bits.count > 1 ? bits[1] : 0)
            guard bits.count <= 2, (0...32).contains(v4), v4 % 8 == 0, (0...128).contains(v6) else {
                throw TelemetryError(code: .setting, "not an address mask: \"\(setting)\"")
            }
            (ipv4Bits, ipv6Bits) = (v4, v6)
        }
    }

    /// `line` with every address masked: `1.2.*.*` or `[Masked IPv4]`, `2001:db8::/32` or `Masked IPv6`.
    package func apply(to line: String) -> String {
        let bytes = Array(line.utf8)
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count + 16)
        var index = 0
        while index < bytes.count {
            let end = Self.endOfWord(in: bytes, from: index)
            let word = bytes[index..<end]
            if let masked = maskIPv6(word) {
                output += masked
            } else {
                appendMaskingIPv4(word, to: &output)
            }
            index = end
            while index < bytes.count, !Self.isWordByte(bytes[index]) {
                output.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private func maskIPv6(_ word: ArraySlice<UInt8>) -> [UInt8]? {
        guard word.count(where: { $0 == UInt8(ascii: ":") }) >= 2,
            let ip = IPAddress(String(decoding: word, as: UTF8.self)), case .v6(let high, let low) = ip
        else { return nil }
        if ipv6Bits == 128 { return Array(word) }
        if ipv6Bits == 0 { return Array("Masked IPv6".utf8) }
        let highMask: UInt64 = ipv6Bits >= 64 ? .max : ~(.max >> UInt64(ipv6Bits))
        let lowMask: UInt64 = ipv6Bits <= 64 ? 0 : ~(.max >> UInt64(ipv6Bits - 64))
        return Array("\(IPAddress.v6(high: high & highMask, low: low & lowMask))/\(ipv6Bits)".utf8)
    }

    /// Masks dotted quads in a word: each stands between colons or the word's ends (`tcp:1.2.3.4:80`).
    private func appendMaskingIPv4(_ word: ArraySlice<UInt8>, to output: inout [UInt8]) {
        let pieces = word.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        for (index, piece) in pieces.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ":")) }
            let isQuad = (7...15).contains(piece.count) && IPAddress(String(decoding: piece, as: UTF8.self)) != nil
            guard isQuad, ipv4Bits < 32 else {
                output += piece
                continue
            }
            if ipv4Bits == 0 {
                output += Array("[Masked IPv4]".utf8)
            } else {
                let octets = piece.split(separator: UInt8(ascii: "."))
                for (number, octet) in octets.enumerated() {
                    if number > 0 { output.append(UInt8(ascii: ".")) }
                    if number < ipv4Bits / 8 { output += octet } else { output.append(UInt8(ascii: "*")) }
                }
            }
        }
    }

    private static func endOfWord(in bytes: [UInt8], from start: Int) -> Int {
        var end = start
        while end < bytes.count, isWordByte(bytes[end]) { end += 1 }
        return end
    }

    /// A word ends where neither an address nor a host name goes on.
    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x80...0xff: true
        case UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }
}
