// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSONText

/// Turns JSON trees into messages by their descriptors.
struct ProtoJSONDecoder {
    func message(
        _ json: JSONNode, _ descriptor: MessageDescriptor, path: String
    ) throws(ProtoError) -> DynamicMessage {
        guard case .object(let members) = json.value else { throw mismatch(path, "an object") }
        if descriptor.fullName == Xray_Common_Serial_TypedMessage.protoMessageName,
            let type = members.first(where: { $0.name == XrayJSON.typeKey })
        {
            return try typed(members, type.node, descriptor, path: path)
        }
        var message = DynamicMessage(descriptor)
        var seen: Set<Int> = []
        var oneofs: Set<Int> = []
        for member in members {
            let inner = path.isEmpty ? member.name : "\(path).\(member.name)"
            guard let field = descriptor.field(named: member.name) else {
                throw ProtoError(.unknownName, "\(inner): \(descriptor.fullName) has no such field")
            }
            guard seen.insert(field.number).inserted else { throw ProtoError(.badJSON, "\(inner): given twice") }
            if member.node.value == .null { continue }
            if let oneof = field.oneofIndex, !oneofs.insert(oneof).inserted {
                throw ProtoError(.mismatch, "\(inner): another member of the same oneof is given")
            }
            let value = try value(member.node, field, path: inner)
            if field.hasPresence || !value.isZero { message[number: field.number] = value }
        }
        return message
    }

    private func typed(
        _ members: [JSONNode.Member], _ type: JSONNode, _ descriptor: MessageDescriptor, path: String
    ) throws(ProtoError) -> DynamicMessage {
        guard case .string(let name) = type.value, let content = DescriptorPool.shared.message(name) else {
            throw ProtoError(.unknownName, "\(path).\(XrayJSON.typeKey): no such message type")
        }
        let rest = members.filter { $0.name != XrayJSON.typeKey }
        var message = DynamicMessage(descriptor)
        message["type"] = .string(name)
        let bytes = try self.message(.object(rest), content, path: path).serialized()
        if !bytes.isEmpty { message["value"] = .bytes(bytes) }
        return message
    }

    private func value(
        _ json: JSONNode, _ field: FieldDescriptor, path: String
    ) throws(ProtoError) -> DynamicValue {
        switch field.cardinality {
        case .single:
            return try single(json, field, path: path)
        case .list:
            guard case .array(let elements) = json.value else { throw mismatch(path, "an array") }
            var list: [DynamicValue] = []
            for (index, element) in elements.enumerated() {
                list.append(try single(element, field, path: "\(path)[\(index)]"))
            }
            return .list(list)
        case .map:
            guard case .object(let members) = json.value else { throw mismatch(path, "an object") }
            guard let keyField = field.messageType?.mapKey, let content = field.messageType?.mapValue else {
                throw mismatch(path, "a map")
            }
            var entries: [DynamicKey: DynamicValue] = [:]
            for member in members {
                let inner = "\(path)[\"\(member.name)\"]"
                entries[try key(member.name, keyField, path: inner)] = try single(member.node, content, path: inner)
            }
            return .map(entries)
        }
    }

    private func key(_ text: String, _ field: FieldDescriptor, path: String) throws(ProtoError) -> DynamicKey {
        switch field.kind {
        case .string: return .string(text)
        case .bool:
            guard text == "true" || text == "false" else { throw mismatch(path, "true or false") }
            return .bool(text == "true")
        default:
            switch try integer(text, field, path: path) {
            case .int(let number): return .int(number)
            case .uint(let number): return .uint(number)
            default: throw mismatch(path, "an integer")
            }
        }
    }

    private func single(
        _ json: JSONNode, _ field: FieldDescriptor, path: String
    ) throws(ProtoError) -> DynamicValue {
        switch (field.kind, json.value) {
        case (.message, _):
            guard let type = field.messageType else { throw mismatch(path, "a message") }
            return .message(try message(json, type, path: path))
        case (.bool, .bool(let flag)): return .bool(flag)
        case (.string, .string(let text)): return .string(text)
        case (.bytes, .string(let text)):
            guard let bytes = Self.base64(text) else { throw mismatch(path, "base64") }
            return .bytes(bytes)
        case (.enumeration, .string(let name)):
            guard let number = field.enumType?.number(named: name) else {
                throw ProtoError(.unknownName, "\(path): \(field.typeName ?? "the enum") has no value \"\(name)\"")
            }
            return .enumeration(number)
        case (.enumeration, .number(let literal)):
            guard case .int(let number) = try integer(literal.text, field, path: path),
                let narrow = Int32(exactly: number)
            else { throw mismatch(path, "an enum value") }
            return .enumeration(narrow)
        case (.double, .number), (.double, .string):
            return .double(try real(json, path: path))
        case (.float, .number), (.float, .string):
            let wide = try real(json, path: path)
            guard Float(wide).isFinite || !wide.isFinite else {
                throw ProtoError(.outOfRange, "\(path): \(json.text()) does not fit a float")
            }
            return .float(Float(wide))
        case (.bool, _): throw mismatch(path, "true or false")
        case (.string, _), (.bytes, _): throw mismatch(path, "a string")
        case (.enumeration, _): throw mismatch(path, "an enum value")
        case (.double, _), (.float, _): throw mismatch(path, "a number")
        case (_, .number(let number)): return try integer(number.text, field, path: path)
        case (_, .string(let text)): return try integer(text, field, path: path)
        default: throw mismatch(path, "an integer")
        }
    }

    /// Whole numbers may also be written with a fraction of zeroes or an exponent.
    private func integer(_ text: String, _ field: FieldDescriptor, path: String) throws(ProtoError) -> DynamicValue {
        let range: (Int64, UInt64)
        switch field.kind {
        case .int32, .sint32, .sfixed32, .enumeration: range = (Int64(Int32.min), UInt64(Int32.max))
        case .int64, .sint64, .sfixed64: range = (.min, UInt64(Int64.max))
        case .uint32, .fixed32: range = (0, UInt64(UInt32.max))
        default: range = (0, .max)
        }
        let isSigned = range.0 < 0
        let isPlain = text.utf8.first != UInt8(ascii: "+")
        if isPlain, let number = Int64(text) ?? Self.number(text).flatMap({ Int64(exactly: $0) }) {
            guard number >= range.0, number < 0 || UInt64(number) <= range.1 else {
                throw ProtoError(.outOfRange, "\(path): \(text) does not fit \(field.kind)")
            }
            return isSigned ? .int(number) : .uint(UInt64(number))
        }
        if isPlain, let number = UInt64(text) ?? Self.number(text).flatMap({ UInt64(exactly: $0) }) {
            guard number <= range.1 else {
                throw ProtoError(.outOfRange, "\(path): \(text) does not fit \(field.kind)")
            }
            return .uint(number)
        }
        throw mismatch(path, "an integer")
    }

    private func real(_ json: JSONNode, path: String) throws(ProtoError) -> Double {
        let text: String
        switch json.value {
        case .string("NaN"): return .nan
        case .string("Infinity"): return .infinity
        case .string("-Infinity"): return -.infinity
        case .string(let words): text = words
        case .number(let number): text = number.text
        default: throw mismatch(path, "a number")
        }
        guard let number = Self.number(text) else { throw mismatch(path, "a number") }
        guard number.isFinite else { throw ProtoError(.outOfRange, "\(path): \(text) does not fit a double") }
        return number
    }

    /// `Double.init` takes more than JSON's numbers; what it takes beyond them is refused.
    private static func number(_ text: String) -> Double? {
        guard let first = text.utf8.first, first == UInt8(ascii: "-") || (0x30...0x39).contains(first),
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) || "-+.eE".utf8.contains($0) })
        else { return nil }
        return Double(text)
    }

    /// Both alphabets, with or without padding.
    private static func base64(_ text: String) -> [UInt8]? {
        var standard = text.replacing("-", with: "+").replacing("_", with: "/")
        while standard.hasSuffix("=") { standard.removeLast() }
        standard += String(repeating: "=", count: (4 - standard.utf8.count % 4) % 4)
        return Data(base64Encoded: standard).map { Array($0) }
    }

    private func mismatch(_ path: String, _ expected: String) -> ProtoError {
        ProtoError(.mismatch, (path.isEmpty ? "" : path + ": ") + "expected \(expected)")
    }
}
