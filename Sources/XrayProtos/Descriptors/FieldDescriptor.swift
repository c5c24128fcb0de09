// SPDX-License-Identifier: Apache-2.0

/// One field of a message.
package final class FieldDescriptor: Sendable {
    package enum Kind: Sendable {
        case double, float, int32, int64, uint32, uint64, sint32, sint64
        case fixed32, fixed64, sfixed32, sfixed64, bool, string, bytes, enumeration, message
    }

    package enum Cardinality: Sendable {
        case single, list, map
    }

    /// The name in the .proto file.
    package let name: String
    package let fullName: String
    package let jsonName: String
    package let number: Int
    package let kind: Kind
    package let cardinality: Cardinality
    /// Whether a zero value is told apart from an absent one: messages, members of a oneof, `optional` fields.
    /// The key and value of a map entry count as present, so that they are always written.
    package let hasPresence: Bool
    /// The index of the oneof in `MessageDescriptor.oneofs`; nil outside oneofs and for `optional` fields.
    package let oneofIndex: Int?
    /// The type's full name, for messages and enums.
    package let typeName: String?

    // Types refer to each other in circles, so these are set by the pool's builder, once, before the pool is shared.
    /// The message type of a message field, the entry type of a map.
    nonisolated(unsafe) package internal(set) var messageType: MessageDescriptor?
    nonisolated(unsafe) package internal(set) var enumType: EnumDescriptor?

    init(
        name: String, fullName: String, jsonName: String, number: Int, kind: Kind, cardinality: Cardinality,
        hasPresence: Bool, oneofIndex: Int?, typeName: String?
    ) {
        self.name = name
        self.fullName = fullName
        self.jsonName = jsonName
        self.number = number
        self.kind = kind
        self.cardinality = cardinality
        self.hasPresence = hasPresence
        self.oneofIndex = oneofIndex
        self.typeName = typeName
    }

    /// Whether a list of this kind is written as one packed run.
    package var isPackable: Bool {
        switch kind {
        case .string, .bytes, .message: false
        default: true
        }
    }

    /// How one value of this kind stands on the wire.
    var wireType: WireType {
        switch kind {
        case .int32, .int64, .uint32, .uint64, .sint32, .sint64, .bool, .enumeration: .varint
        case .double, .fixed64, .sfixed64: .fixed64
        case .float, .fixed32, .sfixed32: .fixed32
        case .string, .bytes, .message: .lengthDelimited
        }
    }
}
