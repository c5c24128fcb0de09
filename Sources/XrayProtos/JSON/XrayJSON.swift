// SPDX-License-Identifier: Apache-2.0

import JSONText
package import SwiftProtobuf

/// JSON in the style of Xray's own command line, which scripts parse.
///
/// Unlike the standard mapping: zero values and empty lists are left out, 64-bit integers are numbers, bytes are lists
/// of numbers, a TypedMessage is shown as the message within with its type under `_TypedMessage_` (null if unknown),
/// an IPOrDomain is a string, a PortList is a number or text such as "1-5,9", and a member of a oneof stands in an
/// object of its own, under the names that Go gives them. Keys are sorted.
package enum XrayJSON {
    /// The text, four spaces for each level, with a line end and an empty line after it.
    package static func encode(_ message: DynamicMessage) -> String {
        json(message, depth: 0).text(indent: 4) + "\n\n"
    }

    /// - Throws: `ProtoError` for a message of a type that is not in the descriptor pool.
    package static func encode(_ message: any SwiftProtobuf.Message) throws(ProtoError) -> String {
        encode(try DynamicMessage(message))
    }

    private static func json(_ message: DynamicMessage, depth: Int) -> JSONNode {
        // Typed messages hold bytes, which the decoder's own limit does not see through.
        guard depth < ProtoLimits.depth else { return .null }
        switch message.descriptor.fullName {
        case Xray_Common_Serial_TypedMessage.protoMessageName: return typed(message, depth: depth)
        case Xray_Common_Net_IPOrDomain.protoMessageName: return address(message)
        case Xray_Common_Net_PortList.protoMessageName: return ports(message)
        default: break
        }
        var members: [JSONNode.Member] = []
        for (field, value) in message.fields {
            if let oneof = field.oneofIndex, oneof < message.descriptor.oneofs.count {
                let name = field.jsonName == field.name ? GoName.camelCase(field.name) : field.jsonName
                let isEmptyText = value == .string("")
                members.append(
                    JSONNode.Member(
                        name: GoName.camelCase(message.descriptor.oneofs[oneof]),
                        node: .object(
                            isEmptyText
                                ? [] : [JSONNode.Member(name: name, node: json(value, field, depth: depth))])))
            } else {
                members.append(JSONNode.Member(name: field.jsonName, node: json(value, field, depth: depth)))
            }
        }
        return sorted(members)
    }

    private static func json(_ value: DynamicValue, _ field: FieldDescriptor, depth: Int) -> JSONNode {
        switch value {
        case .int(let number): .number(number)
        case .uint(let number): .number(number)
        case .double(let number): JSONNumber(shortest: number).map { .number($0) } ?? .null
        case .float(let number): JSONNumber(shortest: number).map { .number($0) } ?? .null
        case .bool(let flag): .bool(flag)
        case .string(let text): .string(text)
        case .bytes(let bytes): .array(bytes.map { .number($0) })
        case .enumeration(let number): .string(field.enumType?.name(of: number) ?? String(number))
        case .message(let message): json(message, depth: depth + 1)
        case .list(let elements): .array(elements.map { json($0, field, depth: depth) })
        case .map(let entries):
            sorted(
                entries.compactMap { key, value in
                    guard let content = field.messageType?.mapValue else { return nil }
                    return JSONNode.Member(name: key.text, node: json(value, content, depth: depth))
                })
        }
    }

    private static func sorted(_ members: [JSONNode.Member]) -> JSONNode {
        .object(members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) })
    }

    private static func typed(_ message: DynamicMessage, depth: Int) -> JSONNode {
        var type = ""
        var bytes: [UInt8] = []
        if case .string(let text)? = message["type"] { type = text }
        if case .bytes(let value)? = message["value"] { bytes = value }
        guard let descriptor = DescriptorPool.shared.message(type),
            let content = try? DynamicMessage(descriptor, decoding: bytes)
        else { return .null }
        let value = json(content, depth: depth + 1)
        guard case .object(var members) = value.value else { return value }
        members.removeAll { $0.name == typeKey }
        members.append(JSONNode.Member(name: typeKey, node: .string(type)))
        return sorted(members)
    }

    /// The key under which an expanded TypedMessage tells its type.
    static let typeKey = "_TypedMessage_"

    private static func address(_ message: DynamicMessage) -> JSONNode {
        if case .string(let domain)? = message["domain"] { return .string(domain) }
        if case .bytes(let bytes)? = message["ip"], let text = IPText.describe(bytes) { return .string(text) }
        return .null
    }

    private static func ports(_ message: DynamicMessage) -> JSONNode {
        guard case .list(let ranges)? = message["range"] else { return .string("") }
        var texts: [String] = []
        for case .message(let range) in ranges {
            var bounds: (UInt64, UInt64) = (0, 0)
            if case .uint(let from)? = range["From"] { bounds.0 = from }
            if case .uint(let to)? = range["To"] { bounds.1 = to }
            let isSingle = bounds.0 == bounds.1
            if isSingle, ranges.count == 1 { return .number(bounds.0) }
            texts.append(isSingle ? String(bounds.0) : "\(bounds.0)-\(bounds.1)")
        }
        return .string(texts.joined(separator: ","))
    }
}
