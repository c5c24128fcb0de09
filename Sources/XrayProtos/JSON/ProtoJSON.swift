// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSONText

/// The standard JSON mapping of protocol buffers ("ProtoJSON Format").
package enum ProtoJSON {
    /// Zeroes without presence are left out, names are lowerCamelCase, 64-bit integers are strings, bytes are base64.
    /// - Parameters:
    ///   - indent: spaces for each level; nil puts all on one line.
    ///   - expandingTypedMessages: shows what a TypedMessage holds, with its type under `_TypedMessage_`, where the
    ///     type is known. This goes beyond the standard; `decode` reads it.
    package static func encode(
        _ message: DynamicMessage, indent: Int? = nil, expandingTypedMessages: Bool = false
    ) -> String {
        ProtoJSONEncoder(expandsTyped: expandingTypedMessages).json(message, depth: 0).text(indent: indent)
    }

    /// Reads a message. Fields may have their JSON name or that of the .proto file; null is an absent field.
    /// A TypedMessage may also be given as the message that it holds with a member `_TypedMessage_` for its type.
    /// - Throws: `ProtoError` whose message begins with the path, as `user.account: …`.
    package static func decode(_ text: String, as descriptor: MessageDescriptor) throws(ProtoError) -> DynamicMessage {
        try ProtoJSONDecoder().message(try parse(text), descriptor, path: "")
    }

    private static func parse(_ text: String) throws(ProtoError) -> JSONNode {
        let bytes = Array(text.utf8)
        var parser = JSONParser(bytes, rules: .strict(depth: ProtoLimits.depth))
        do {
            return try parser.parse()
        } catch {
            let place = JSONPosition(of: error.offset, in: bytes)
            throw ProtoError(
                error.isTooDeep ? .tooDeep : .badJSON, "line \(place.line) column \(place.column): \(error.message)")
        }
    }
}

private struct ProtoJSONEncoder {
    let expandsTyped: Bool

    func json(_ message: DynamicMessage, depth: Int) -> JSONNode {
        if expandsTyped, let expanded = expanded(message, depth: depth) { return expanded }
        return .object(
            message.fields.map { field, value in
                JSONNode.Member(name: field.jsonName, node: json(value, field, depth: depth))
            })
    }

    private func expanded(_ message: DynamicMessage, depth: Int) -> JSONNode? {
        guard depth < ProtoLimits.depth,
            message.descriptor.fullName == Xray_Common_Serial_TypedMessage.protoMessageName,
            case .string(let type)? = message["type"], let descriptor = DescriptorPool.shared.message(type)
        else { return nil }
        var bytes: [UInt8] = []
        if case .bytes(let value)? = message["value"] { bytes = value }
        guard let content = try? DynamicMessage(descriptor, decoding: bytes),
            case .object(let members) = json(content, depth: depth + 1).value
        else { return nil }
        return .object([JSONNode.Member(name: XrayJSON.typeKey, node: .string(type))] + members)
    }

    private func json(_ value: DynamicValue, _ field: FieldDescriptor, depth: Int) -> JSONNode {
        switch value {
        case .int(let number): isWide(field) ? .string(String(number)) : .number(number)
        case .uint(let number): isWide(field) ? .string(String(number)) : .number(number)
        case .double(let number): JSONNumber(shortest: number).map { .number($0) } ?? .string(Self.special(number))
        case .float(let number):
            JSONNumber(shortest: number).map { .number($0) } ?? .string(Self.special(Double(number)))
        case .bool(let flag): .bool(flag)
        case .string(let text): .string(text)
        case .bytes(let bytes): .string(Data(bytes).base64EncodedString())
        case .enumeration(let number):
            field.enumType?.name(of: number).map { .string($0) } ?? .number(number)
        case .message(let message): json(message, depth: depth + 1)
        case .list(let elements): .array(elements.map { json($0, field, depth: depth) })
        case .map(let entries):
            .object(
                entries.sorted { $0.key.text < $1.key.text }.compactMap { key, value in
                    guard let content = field.messageType?.mapValue else { return nil }
                    return JSONNode.Member(name: key.text, node: json(value, content, depth: depth))
                })
        }
    }

    private func isWide(_ field: FieldDescriptor) -> Bool {
        switch field.kind {
        case .int64, .uint64, .sint64, .fixed64, .sfixed64: true
        default: false
        }
    }

    private static func special(_ value: Double) -> String {
        value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
    }
}
