// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// `settings` of a Trojan inbound.
enum TrojanInboundSettings {
    static func decode(_ node: ConfigNode) throws -> Xray_Proxy_Trojan_ServerConfig {
        try node.object { object in
            var config = Xray_Proxy_Trojan_ServerConfig()
            let users = try object.users("clients")?.map { (user: try decode(user: $0), node: $0) } ?? []
            try ConfigNode.refuseDuplicateEmails(users)
            config.users = users.map(\.user)
            config.fallbacks =
                try object["fallbacks"]?.elements().map { item in
                    let fallback = try FallbackSection.decode(item)
                    var message = Xray_Proxy_Trojan_Fallback()
                    (message.name, message.alpn, message.path) = (fallback.name, fallback.alpn, fallback.path)
                    (message.type, message.dest, message.xver) = (fallback.type, fallback.dest, fallback.xver)
                    return message
                } ?? []
            return config
        }
    }

    private static func decode(user node: ConfigNode) throws -> Xray_Common_Protocol_User {
        try node.object { object in
            try refuseFlow(object)
            var user = Xray_Common_Protocol_User()
            user.level = try UInt32(object.integer("level", as: UInt8.self))
            user.email = try object.string("email")
            var account = Xray_Proxy_Trojan_Account()
            account.password = try object.string("password")
            user.account = try node.pack(account)
            return user
        }
    }

    static func refuseFlow(_ object: ObjectReader) throws {
        if let flow = object["flow"], try !flow.string().isEmpty {
            throw flow.error("the flow of trojan was removed")
        }
    }
}
