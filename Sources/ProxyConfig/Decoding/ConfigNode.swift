// SPDX-License-Identifier: Apache-2.0
package import JSONText

/// A value of the configuration with the way that led to it: what all decoding works on.
package struct ConfigNode {
    package let node: JSONNode
    package let path: KeyPath
    package let context: DecodingContext

    package init(_ node: JSONNode, path: KeyPath = .root, context: DecodingContext = DecodingContext()) {
        self.node = node
        self.path = path
        self.context = context
    }

    package var isNull: Bool { node.value == .null }

    package var place: ConfigurationPlace {
        ConfigurationPlace(
            file: context.document?.name,
            position: node.offset.flatMap { context.document?.position(of: $0) },
            keyPath: path.description)
    }

    package func error(_ message: String) -> ConfigurationError {
        ConfigurationError(message: message, place: place)
    }

    package func warn(_ message: String) {
        context.warn(message, at: place)
    }

    private func mismatch(_ expected: String) -> ConfigurationError {
        error("\(expected) is needed, found \(node.summary)")
    }

    package func string() throws(ConfigurationError) -> String {
        guard case .string(let text) = node.value else { throw mismatch("a text") }
        return text
    }

    package func bool() throws(ConfigurationError) -> Bool {
        guard case .bool(let value) = node.value else { throw mismatch("true or false") }
        return value
    }

    package func integer<Integer: FixedWidthInteger>(
        as type: Integer.Type = Integer.self
    ) throws(ConfigurationError) -> Integer {
        guard case .number(let number) = node.value, let value = number.integer(as: type) else {
            throw mismatch("a whole number from \(Integer.min) to \(Integer.max)")
        }
        return value
    }

    package func double() throws(ConfigurationError) -> Double {
        guard case .number(let number) = node.value, let value = number.double else { throw mismatch("a number") }
        return value
    }

    /// The elements of a list.
    package func elements() throws(ConfigurationError) -> [ConfigNode] {
        guard case .array(let nodes) = node.value else { throw mismatch("a list") }
        return nodes.enumerated().map { ConfigNode($1, path: .index(path, $0), context: context) }
    }

    /// The members of an object that has free keys, in document order; of members with one name the last.
    package func members() throws(ConfigurationError) -> [(name: String, value: ConfigNode)] {
        guard case .object(let members) = node.value else { throw mismatch("an object") }
        var result: [(name: String, value: ConfigNode)] = []
        var places: [String: Int] = [:]
        for member in members {
            let value = ConfigNode(member.node, path: .key(path, member.name), context: context)
            if let place = places[member.name] {
                result[place].value = value
            } else {
                places[member.name] = result.count
                result.append((member.name, value))
            }
        }
        return result
    }

    /// Decodes an object of known keys and warns of the keys that `body` did not ask for.
    package func object<Result>(
        _ body: (ObjectReader) throws -> Result
    ) throws -> Result {
        let reader = try objectReader()
        let result = try body(reader)
        reader.warnOfUnknownKeys()
        return result
    }

    package func objectReader() throws(ConfigurationError) -> ObjectReader {
        guard case .object(let members) = node.value else { throw mismatch("an object") }
        return ObjectReader(members: members, of: self)
    }
}
