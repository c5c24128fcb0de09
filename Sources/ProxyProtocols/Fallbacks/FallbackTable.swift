// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import NIOCore

/// The `fallbacks` of an inbound, by server name, application protocol and path. What no entry says is taken from the entries
/// with less in them, at start, so that a choice is three look-ups.
package struct FallbackTable: Sendable {
    package struct Entry: Sendable {
        package var name: String
        package var alpn: String
        package var path: String
        package var fallback: Fallback

        /// The keys as configurations write them; see ``Fallback`` for the others.
        package init(
            name: String, alpn: String, path: String, type: String, dest: String, xver: UInt64, scope: String
        ) throws(ControlError) {
            self.name = name.lowercased()
            self.alpn = alpn.lowercased()
            self.path = path
            fallback = try Fallback(type: type, dest: dest, xver: xver, scope: scope)
        }
    }

    private typealias Paths = [String: Fallback]

    private let byName: [String: [String: Paths]]
    /// From the longest to the shortest.
    private let names: [String]

    /// Nil without entries. Of equal entries the last one counts.
    package init?(_ entries: [Entry]) {
        guard !entries.isEmpty else { return nil }
        var table: [String: [String: Paths]] = [:]
        for entry in entries { table[entry.name, default: [:]][entry.alpn, default: [:]][entry.path] = entry.fallback }
        if let general = table[""] {
            for name in table.keys where !name.isEmpty {
                for alpn in general.keys where table[name]?[alpn] == nil { table[name]?[alpn] = [:] }
            }
        }
        for (name, byALPN) in table {
            guard let general = byALPN[""] else { continue }
            for alpn in byALPN.keys where !alpn.isEmpty { table[name]?[alpn]?.merge(general) { own, _ in own } }
        }
        if let general = table[""] {
            for name in table.keys where !name.isEmpty {
                for (alpn, paths) in general { table[name]?[alpn, default: [:]].merge(paths) { own, _ in own } }
            }
        }
        byName = table
        names = table.keys.filter { !$0.isEmpty }.sorted { $0.utf8.count > $1.utf8.count }
    }

    /// - Parameters:
    ///   - serverName, alpn: of TLS; empty without.
    ///   - first: Everything that was received.
    package func choose(serverName: String, alpn: String, first: ByteBuffer) -> Fallback? {
        let name = serverName.lowercased()
        let byALPN = byName[name] ?? names.first { name.contains($0) }.flatMap { byName[$0] } ?? byName[""]
        let paths = byALPN?[alpn.lowercased()] ?? byALPN?[""]
        return Self.path(of: first).flatMap { paths?[$0] } ?? paths?[""]
    }

    /// The path of an HTTP/1 request line; nil where there is none, or not within 64 bytes.
    private static func path(of first: ByteBuffer) -> String? {
        let bytes = Array(first.readableBytesView.prefix(64))
        // An HTTP/2 connection begins with `PRI *`.
        guard first.readableBytes >= VLESS.shortestRequest, bytes[4] != UInt8(ascii: "*") else { return nil }
        guard let start = (4...8).first(where: { bytes[$0] == UInt8(ascii: "/") && bytes[$0 - 1] == UInt8(ascii: " ") })
        else { return nil }
        let rest = bytes[start...]
        guard let end = rest.firstIndex(where: { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "?") }) else {
            return nil
        }
        return String(decoding: rest[..<end], as: UTF8.self)
    }
}
