// SPDX-License-Identifier: Apache-2.0

package import SwiftProtobuf

/// Why a `TypedMessage` could not be packed or unpacked.
package enum TypedMessageError: Error, Equatable, CustomStringConvertible {
    /// No message type has that full name.
    case notFound(String)
    /// The value is no message of the type that it names.
    case malformed(String)

    package var description: String {
        switch self {
        case .notFound(let type): "no message type named \"\(type)\""
        case .malformed(let type): "malformed \(type)"
        }
    }
}

/// Packs messages into `xray.common.serial.TypedMessage`, the API's carrier for a message of any type, and back.
/// The type is the message's bare full name, without a prefix such as "type.googleapis.com/".
package enum TypedMessages {
    private static let types: [String: any SwiftProtobuf.Message.Type] = Dictionary(
        generatedMessageTypes.map { ($0.protoMessageName, $0) }, uniquingKeysWith: { first, _ in first })

    /// The full names of all types, in order.
    package static var names: [String] { types.keys.sorted() }

    package static func type(named name: String) -> (any SwiftProtobuf.Message.Type)? { types[name] }

    /// - Throws: `.malformed` when the message cannot be encoded, as one of more than 2 GiB.
    package static func pack(
        _ message: any SwiftProtobuf.Message
    ) throws(TypedMessageError) -> Xray_Common_Serial_TypedMessage {
        let name = Swift.type(of: message).protoMessageName
        var typed = Xray_Common_Serial_TypedMessage()
        typed.type = name
        do {
            typed.value = try message.serializedBytes()
        } catch {
            throw .malformed(name)
        }
        return typed
    }

    package static func unpack(
        _ typed: Xray_Common_Serial_TypedMessage
    ) throws(TypedMessageError) -> any SwiftProtobuf.Message {
        guard let type = types[typed.type] else { throw .notFound(typed.type) }
        do {
            return try type.init(serializedBytes: typed.value)
        } catch {
            throw .malformed(typed.type)
        }
    }
}

extension Xray_Common_Serial_TypedMessage {
    /// The message, if it is of that type; nil when it is of another known one.
    package func typed<Message: SwiftProtobuf.Message>(
        as type: Message.Type
    ) throws(TypedMessageError) -> Message? {
        try TypedMessages.unpack(self) as? Message
    }
}
