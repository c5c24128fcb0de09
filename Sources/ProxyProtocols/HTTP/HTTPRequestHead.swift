// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// The head of an HTTP/1 request as it came, split into its parts; values are bytes, not text.
package struct HTTPRequestHead: Sendable {
    package typealias Bytes = ArraySlice<UInt8>

    package let method: String
    package let target: String
    /// `HTTP/1.0` or `HTTP/1.1`.
    package let version: String
    package private(set) var fields: [(name: String, value: Bytes)]

    /// Reads a head that ends with its empty line. Lines end in CRLF or a bare line feed; folded lines are refused.
    /// Nil when it is not HTTP/1.
    package init?(_ bytes: Bytes) {
        var lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
            .map { $0.last == 0x0d ? $0.dropLast() : $0 }
            .filter { !$0.isEmpty }[...]
        guard let first = lines.popFirst() else { return nil }
        let parts = first.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 3, let method = Self.token(parts[0]),
            !parts[1].isEmpty, parts[1].allSatisfy({ (0x21...0x7e).contains($0) })
        else { return nil }
        let version = String(decoding: parts[2], as: UTF8.self)
        guard version == "HTTP/1.1" || version == "HTTP/1.0" else { return nil }
        self.method = method
        self.target = String(decoding: parts[1], as: UTF8.self)
        self.version = version
        fields = []
        for line in lines {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), let name = Self.token(line[..<colon]) else {
                return nil
            }
            let value = Self.trimmed(line[line.index(after: colon)...])
            guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }) else { return nil }
            fields.append((name, value))
        }
    }

    /// The values of the fields of that name, whose case does not matter, as text.
    package func values(_ name: String) -> [String] {
        fields.filter { $0.name.lowercased() == name }.map { String(decoding: $0.value, as: UTF8.self) }
    }

    /// Removes the fields with these lower-case names.
    package mutating func remove(_ names: Set<String>) {
        fields.removeAll { names.contains($0.name.lowercased()) }
    }

    private static func trimmed(_ bytes: Bytes) -> Bytes {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        var rest = bytes.drop(while: isBlank)
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        return rest
    }

    /// RFC 9110 section 5.6.2.
    private static func token(_ bytes: Bytes) -> String? {
        let isTokenByte: (UInt8) -> Bool = { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
            default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
        }
        guard !bytes.isEmpty, bytes.allSatisfy(isTokenByte) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}
