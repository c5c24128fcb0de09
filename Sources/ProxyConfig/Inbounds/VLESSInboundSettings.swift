// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// `settings` of a VLESS inbound.
enum VLESSInboundSettings {
    static let vision = "xtls-rprx-vision"

    static func decode(_ node: ConfigNode) throws -> Xray_Proxy_Vless_Inbound_Config {
        try node.object { object in
            var config = Xray_Proxy_Vless_Inbound_Config()
            let flow = try object["flow"].map { try Self.flow($0) } ?? ""
            let seed = try testSeed(object["testseed"])
            let users = try object.users("clients")?.map { user in
                (user: try decode(user: user, flow: flow, seed: seed), node: user)
            }
            try ConfigNode.refuseDuplicateEmails(users ?? [])
            config.users = users?.map(\.user) ?? []
            let decryption = object["decryption"]
            guard let decryption, case let text = try decryption.string(), !text.isEmpty else {
                throw (decryption ?? node).error("please add \"decryption\": \"none\" to the settings")
            }
            try VLESSDecryption.decode(text, at: decryption, into: &config)
            let fallbacks = object["fallbacks"]
            if let fallbacks, config.decryption != "none" {
                throw fallbacks.error("fallbacks do not go together with decryption")
            }
            config.fallbacks =
                try fallbacks?.elements().map { item in
                    let fallback = try FallbackSection.decode(item)
                    var message = Xray_Proxy_Vless_Inbound_Fallback()
                    (message.name, message.alpn, message.path) = (fallback.name, fallback.alpn, fallback.path)
                    (message.type, message.dest, message.xver) = (fallback.type, fallback.dest, fallback.xver)
                    return message
                } ?? []
            return config
        }
    }

    private static func flow(_ node: ConfigNode) throws -> String {
        let flow = try node.string()
        guard flow.isEmpty || flow == vision else { throw node.error("unknown flow: \(flow.quoted)") }
        return flow
    }

    static func testSeed(_ node: ConfigNode?) throws -> [UInt32] {
        try node?.elements().map { try $0.integer(as: UInt32.self) } ?? []
    }

    private static func decode(
        user node: ConfigNode, flow: String, seed: [UInt32]
    ) throws -> Xray_Common_Protocol_User {
        try node.object { object in
            var account = Xray_Proxy_Vless_Account()
            guard let id = object["id"] else { throw node.error("a user needs an id") }
            account.id = try id.userID()
            account.flow = try object["flow"].map { try Self.flow($0) } ?? ""
            if account.flow.isEmpty { account.flow = flow }
            account.testpre = try object.integer("testpre")
            account.testseed = try testSeed(object["testseed"])
            if account.testseed.count < 4 { account.testseed = seed }
            if let encryption = object["encryption"], try !encryption.string().isEmpty {
                throw encryption.error("users of an inbound have no encryption")
            }
            if let reverse = object["reverse"] {
                account.reverse.tag = try reverse.object { reverse in
                    if let sniffing = reverse["sniffing"] { throw sniffing.error("not for an inbound's reverse") }
                    return try reverse.string("tag")
                }
                guard !account.reverse.tag.isEmpty else { throw reverse.error("a reverse needs a tag") }
            }
            var user = Xray_Common_Protocol_User()
            user.level = try object.integer("level")
            user.email = try object.string("email")
            user.account = try node.pack(account)
            return user
        }
    }
}
