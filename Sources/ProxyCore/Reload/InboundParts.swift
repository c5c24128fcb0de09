// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import XrayProtos

/// An inbound's configuration taken apart: its users, who can come and go one by one, and all the rest.
struct InboundParts {
    /// All but the users, as text that is the same for the same settings.
    var frame: String
    /// Encoded, by e-mail in lower case: slices of the configuration, as there may be 100,000 of them.
    var users: [String: Data] = [:]
    /// Users who cannot be told apart by an e-mail of their own, encoded, in an order of their own.
    var unnamed: [Data] = []

    init(_ config: Xray_Core_InboundHandlerConfig) {
        let type = DescriptorPool.shared.message(config.proxySettings.type)
        let field = type?.fields.first {
            $0.cardinality == .list && $0.typeName == Xray_Common_Protocol_User.protoMessageName
        }
        guard let type, let field, let (list, others) = Self.split(config.proxySettings.value, at: field.number),
            let settings = try? DynamicMessage(type, decoding: Array(others))
        else {
            frame = ConfigurationText.of(config)
            return
        }
        var rest = config
        rest.clearProxySettings()
        frame = ConfigurationText.of(rest) + ConfigurationText.of(settings)
        var named: [String: [Data]] = [:]
        for user in list {
            let email = (try? Xray_Common_Protocol_User(serializedBytes: user))?.email.lowercased() ?? ""
            named[email, default: []].append(user)
        }
        unnamed = named.removeValue(forKey: "") ?? []
        for (email, those) in named {
            if those.count == 1 { users[email] = those[0] } else { unnamed += those }
        }
        unnamed.sort { $0.lexicographicallyPrecedes($1) }
    }

    /// The values of one field of an encoded message, which must be a list of messages, and everything else. Nil for bytes that are no
    /// message.
    private static func split(_ message: Data, at number: Int) -> (values: [Data], others: Data)? {
        var (values, others) = ([Data](), Data())
        var position = message.startIndex
        func varint() -> UInt64? {
            var (value, shift) = (UInt64(0), UInt64(0))
            while position < message.endIndex, shift < 64 {
                let byte = message[position]
                position += 1
                value |= UInt64(byte & 0x7f) << shift
                if byte < 0x80 { return value }
                shift += 7
            }
            return nil
        }
        while position < message.endIndex {
            let start = position
            guard let tag = varint() else { return nil }
            let length: Int
            switch tag & 7 {
            case 0: length = varint() == nil ? -1 : 0
            case 1: length = 8
            case 2: length = varint().flatMap { Int(exactly: $0) } ?? -1
            case 5: length = 4
            default: length = -1
            }
            guard length >= 0, length <= message.endIndex - position else { return nil }
            let value = message[position..<position + length]
            position += length
            if tag == UInt64(number) << 3 | 2 { values.append(value) } else { others += message[start..<position] }
        }
        return (values, others)
    }
}

/// Settings as text in which the same settings always look the same; bytes do not, as maps are written in any order.
enum ConfigurationText {
    static func of(_ message: DynamicMessage) -> String {
        ProtoJSON.encode(message, expandingTypedMessages: true)
    }

    static func of(_ config: Xray_Core_InboundHandlerConfig) -> String {
        (try? DynamicMessage(config)).map { of($0) } ?? ""
    }

    static func of(_ config: Xray_Core_OutboundHandlerConfig) -> String {
        (try? DynamicMessage(config)).map { of($0) } ?? ""
    }

    static func of(_ config: Xray_App_Router_Config?) -> String? {
        config.map { config in (try? DynamicMessage(config)).map { of($0) } ?? "" }
    }
}
