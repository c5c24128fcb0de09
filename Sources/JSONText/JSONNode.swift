// SPDX-License-Identifier: Apache-2.0

/// A JSON value and the place in its document where it begins.
package struct JSONNode: Sendable, Equatable {
    package var value: Value
    /// The byte offset of the value's first byte; nil when the value came from no document.
    package var offset: Int?

    package init(_ value: Value, offset: Int? = nil) {
        self.value = value
        self.offset = offset
    }

    package enum Value: Sendable, Equatable {
        case null
        case bool(Bool)
        case number(JSONNumber)
        case string(String)
        case array([JSONNode])
        /// The members in document order, duplicates included: the last one of a name counts.
        case object([Member])
    }

    package struct Member: Sendable, Equatable {
        package var name: String
        package var node: JSONNode

        package init(name: String, node: JSONNode) {
            self.name = name
            self.node = node
        }
    }
}

/// Values that come from no document.
extension JSONNode {
    package static var null: JSONNode { JSONNode(.null) }
    package static func bool(_ value: Bool) -> JSONNode { JSONNode(.bool(value)) }
    package static func number(_ value: JSONNumber) -> JSONNode { JSONNode(.number(value)) }
    package static func number(_ value: some FixedWidthInteger) -> JSONNode {
        JSONNode(.number(JSONNumber(text: String(value))))
    }
    package static func string(_ value: String) -> JSONNode { JSONNode(.string(value)) }
    package static func array(_ elements: [JSONNode]) -> JSONNode { JSONNode(.array(elements)) }
    package static func object(_ members: [Member]) -> JSONNode { JSONNode(.object(members)) }
}
