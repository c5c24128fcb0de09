// SPDX-License-Identifier: Apache-2.0
package import JSONText

/// The members of one object by key, without regard to the case of ASCII letters; it remembers which keys were asked for.
package final class ObjectReader {
    package let owner: ConfigNode
    private let members: [String: JSONNode.Member]
    private var asked: [String: String] = [:]

    init(members: [JSONNode.Member], of owner: ConfigNode) {
        self.owner = owner
        self.members = Dictionary(
            members.map { ($0.name.asciiLowercased, $0) }, uniquingKeysWith: { _, last in last })
    }

    /// The value of a key; nil where it is absent or null.
    package subscript(_ key: String) -> ConfigNode? {
        let folded = key.asciiLowercased
        asked[folded] = key
        guard let member = members[folded], member.node.value != .null else { return nil }
        return ConfigNode(member.node, path: .key(owner.path, key), context: owner.context)
    }

    /// Keys that are accepted and have no effect.
    package func ignore(_ keys: String...) {
        for key in keys { asked[key.asciiLowercased] = key }
    }

    package func string(_ key: String) throws(ConfigurationError) -> String {
        try self[key]?.string() ?? ""
    }

    package func bool(_ key: String) throws(ConfigurationError) -> Bool {
        try self[key]?.bool() ?? false
    }

    package func integer<Integer: FixedWidthInteger>(
        _ key: String, as type: Integer.Type = Integer.self
    ) throws(ConfigurationError) -> Integer {
        try self[key]?.integer(as: type) ?? 0
    }

    package func optionalInteger<Integer: FixedWidthInteger>(
        _ key: String, as type: Integer.Type = Integer.self
    ) throws(ConfigurationError) -> Integer? {
        try self[key]?.integer(as: type)
    }

    package func strings(_ key: String) throws(ConfigurationError) -> [String] {
        try self[key]?.strings() ?? []
    }

    package func textMap(_ key: String) throws(ConfigurationError) -> [String: String] {
        try self[key]?.textMap() ?? [:]
    }

    /// The keys that nobody asked for, each with the closest one that was.
    package var unknownKeys: [(key: ConfigNode, name: String, suggestion: String?)] {
        members.filter { asked[$0.key] == nil }.values.sorted { $0.name < $1.name }.map { member in
            let node = ConfigNode(member.node, path: .key(owner.path, member.name), context: owner.context)
            return (node, member.name, Self.suggestion(for: member.name, among: asked.values.sorted()))
        }
    }

    func warnOfUnknownKeys() {
        for unknown in unknownKeys {
            unknown.key.warn(Self.message(unknown: unknown.name, suggestion: unknown.suggestion))
        }
    }

    /// Refuses the keys that nobody asked for.
    package func refuseUnknownKeys() throws(ConfigurationError) {
        if let unknown = unknownKeys.first {
            throw unknown.key.error(Self.message(unknown: unknown.name, suggestion: unknown.suggestion))
        }
    }

    private static func message(unknown name: String, suggestion: String?) -> String {
        "unknown key" + (suggestion.map { "; did you mean \($0.quoted)?" } ?? "")
    }

    /// The known name that is one or two strokes away.
    static func suggestion(for name: String, among known: [String]) -> String? {
        let folded = Array(name.asciiLowercased.utf8)
        let limit = folded.count < 5 ? 1 : 2
        return known.map { (name: $0, distance: distance(folded, Array($0.asciiLowercased.utf8))) }
            .filter { $0.distance <= limit }
            .min { $0.distance < $1.distance }?.name
    }

    /// Levenshtein's distance, with a swap of neighbours as one stroke.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        guard abs(left.count - right.count) <= 2, left.count <= 64 else { return .max }
        var rows = [Array(0...right.count)]
        for (row, byte) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                var best = min(rows[row][column + 1], current[column]) + 1
                best = min(best, rows[row][column] + (byte == other ? 0 : 1))
                if row > 0, column > 0, byte == right[column - 1], left[row - 1] == other {
                    best = min(best, rows[row - 1][column - 1] + 1)
                }
                current.append(best)
            }
            rows.append(current)
        }
        return rows[left.count][right.count]
    }
}

extension String {
    /// The text with A to Z in lower case.
    var asciiLowercased: String {
        guard utf8.contains(where: { $0 >= 0x41 && $0 <= 0x5a }) else { return self }
        return String(decoding: utf8.map { $0 >= 0x41 && $0 <= 0x5a ? $0 | 0x20 : $0 }, as: UTF8.self)
    }
}
