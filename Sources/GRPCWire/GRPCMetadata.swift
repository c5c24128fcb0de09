// SPDX-License-Identifier: Apache-2.0

/// Metadata of a call: names with text values, and names ending in `-bin` with binary ones. A name may stand several times.
///
/// Names are lower-case; those that HTTP/2 and gRPC use themselves (`:path`, `content-type`, `te`, `grpc-…`) never appear.
package struct GRPCMetadata: Hashable, Sendable {
    package enum Value: Hashable, Sendable, ExpressibleByStringLiteral {
        case text(String)
        case binary([UInt8])

        package init(stringLiteral value: String) { self = .text(value) }
    }

    package struct Entry: Hashable, Sendable {
        package let name: String
        package let value: Value
    }

    private(set) var entries: [Entry] = []

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }

    /// Adds a text value. Answers false, and adds nothing, when HTTP/2 cannot carry it: a name that is empty, reserved, ends in
    /// `-bin` or has characters outside `0-9 a-z _ - .`, or a value with characters outside printable ASCII. Spaces at the ends of
    /// a value are left out (RFC 9113, section 8.2.1).
    @discardableResult
    package mutating func add(_ name: String, _ value: String) -> Bool {
        let name = name.lowercased()
        guard Self.isPermitted(name), !name.hasSuffix("-bin"), value.utf8.allSatisfy({ 0x20...0x7e ~= $0 }) else {
            return false
        }
        let trimmed = value.drop { $0 == " " }
        let end = trimmed.lastIndex { $0 != " " }.map(trimmed.index(after:)) ?? trimmed.startIndex
        entries.append(Entry(name: name, value: .text(String(trimmed[..<end]))))
        return true
    }

    /// Adds a binary value; the name must end in `-bin`. Answers false, and adds nothing, when it does not.
    @discardableResult
    package mutating func add(_ name: String, binary value: [UInt8]) -> Bool {
        let name = name.lowercased()
        guard Self.isPermitted(name), name.hasSuffix("-bin") else { return false }
        entries.append(Entry(name: name, value: .binary(value)))
        return true
    }

    /// The first text value of the name.
    package subscript(_ name: String) -> String? {
        for entry in entries where entry.name == name {
            if case .text(let value) = entry.value { return value }
        }
        return nil
    }

    package func values(_ name: String) -> [String] {
        entries.compactMap { entry in
            if entry.name == name, case .text(let value) = entry.value { value } else { nil }
        }
    }

    package func binaryValues(_ name: String) -> [[UInt8]] {
        entries.compactMap { entry in
            if entry.name == name, case .binary(let value) = entry.value { value } else { nil }
        }
    }

    /// What arrived on the wire: `-bin` values are base64, padded or not, several joined by commas. Undecodable ones are dropped.
    mutating func addReceived(name: String, value: String) {
        guard name.hasSuffix("-bin") else {
            entries.append(Entry(name: name, value: .text(value)))
            return
        }
        for part in value.split(separator: ",", omittingEmptySubsequences: false) {
            if let bytes = Base64.decode(part.utf8) {
                entries.append(Entry(name: name, value: .binary(bytes)))
            }
        }
    }

    private static func isPermitted(_ name: String) -> Bool {
        guard !name.isEmpty, !name.hasPrefix("grpc-") || name == "grpc-status-details-bin" else { return false }
        switch name {
        case "te", "content-type", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade",
            "host",
            "content-length":
            return false
        default:
            return name.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x61...0x7a, 0x5f, 0x2d, 0x2e: true
                default: false
                }
            }
        }
    }
}

extension GRPCMetadata: ExpressibleByDictionaryLiteral {
    /// Pairs that ``add(_:_:)`` or ``add(_:binary:)`` refuses are left out.
    package init(dictionaryLiteral elements: (String, Value)...) {
        for (name, value) in elements {
            switch value {
            case .text(let text): add(name, text)
            case .binary(let bytes): add(name, binary: bytes)
            }
        }
    }
}

extension GRPCMetadata: Sequence {
    package func makeIterator() -> IndexingIterator<[Entry]> { entries.makeIterator() }
}
