// SPDX-License-Identifier: Apache-2.0

package import SwiftProtobuf

extension DynamicMessage {
    /// The values of a message of a generated type.
    /// - Throws: `ProtoError` when the type is not in the descriptor pool or the message cannot be encoded.
    package init(_ message: any SwiftProtobuf.Message) throws(ProtoError) {
        let name = type(of: message).protoMessageName
        guard let descriptor = DescriptorPool.shared.message(name) else {
            throw ProtoError(.unknownName, "no message named \(name)")
        }
        let bytes: [UInt8]
        do {
            bytes = try message.serializedBytes()
        } catch {
            throw ProtoError(.malformed, "\(name): \(error)")
        }
        try self.init(descriptor, decoding: bytes)
    }

    /// The same message as a generated type; nil if it is of another type.
    package func generated<Message: SwiftProtobuf.Message>(as type: Message.Type) throws(ProtoError) -> Message? {
        guard type.protoMessageName == descriptor.fullName else { return nil }
        do {
            return try Message(serializedBytes: try serialized())
        } catch let error as ProtoError {
            throw error
        } catch {
            throw ProtoError(.malformed, "\(descriptor.fullName): \(error)")
        }
    }
}
