// SPDX-License-Identifier: Apache-2.0

/// The encoding of `grpc-message`: UTF-8 with everything outside space...`~`, and `%` itself, as `%XX`; a space at either end, too,
/// which HTTP/2 (RFC 9113 section 8.2.1) forbids in a field's value.
enum PercentEncoding {
    static func encode(_ text: String) -> [UInt8] {
        var encoded: [UInt8] = []
        encoded.reserveCapacity(text.utf8.count)
        let last = text.utf8.count - 1
        for (offset, byte) in text.utf8.enumerated() {
            let isOuterSpace = byte == 0x20 && (offset == 0 || offset == last)
            if 0x20...0x7e ~= byte, byte != 0x25, !isOuterSpace {
                encoded.append(byte)
            } else {
                encoded.append(0x25)
                encoded.append(digit(byte >> 4))
                encoded.append(digit(byte & 15))
            }
        }
        return encoded
    }

    /// Never fails: a `%` that no two hexadecimal digits follow stands for itself, and invalid UTF-8 is repaired.
    static func decode(_ bytes: some Collection<UInt8>) -> String {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var rest = Array(bytes)[...]
        while let byte = rest.popFirst() {
            if byte == 0x25, let high = rest.first.flatMap(value), let low = rest.dropFirst().first.flatMap(value) {
                decoded.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                decoded.append(byte)
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? 0x30 + value : 0x41 + value - 10
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}
