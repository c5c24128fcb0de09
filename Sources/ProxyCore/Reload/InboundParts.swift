// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// An inbound's configuration taken apart: its users, who can come and go one by one, and all the rest.
struct InboundParts {
    /// All but the users, as text that is the same for the same settings.
    var frame: String
    /// By e-mail in lower case.
    var users: [String: DynamicMessage] = [:]
    /// Users who cannot be told apart by an e-mail of their own, as text, sorted.
    var unnamed: [String] = []

    private static let user = Xray_Common_Protocol_User.protoMessageName

    init(_ config: Xray_Core_InboundHandlerConfig) {
        frame = ConfigurationText.of(config)
        guard let type = DescriptorPool.shared.message(config.proxySettings.type),
            let field = type.fields.first(where: { $0.cardinality == .list && $0.typeName == Self.user }),
            var settings = try? DynamicMessage(type, decoding: Array(config.proxySettings.value)),
            case .list(let list)? = settings[number: field.number]
        else { return }
        settings[number: field.number] = nil
        var rest = config
        rest.clearProxySettings()
        frame = ConfigurationText.of(rest) + ConfigurationText.of(settings)
        var byEmail: [String: [DynamicMessage]] = [:]
        for case .message(let user) in list {
            var email = ""
            if case .string(let text)? = user["email"] { email = text }
            byEmail[email.lowercased(), default: []].append(user)
        }
        for (email, those) in byEmail {
            if email.isEmpty || those.count > 1 {
                unnamed += those.map(ConfigurationText.of)
            } else {
                users[email] = those[0]
            }
        }
        unnamed.sort()
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
