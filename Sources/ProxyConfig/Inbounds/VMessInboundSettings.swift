// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// `settings` of a VMess inbound.
enum VMessInboundSettings {
    static func decode(_ node: ConfigNode) throws -> Xray_Proxy_Vmess_Inbound_Config {
        try node.object { object in
            var config = Xray_Proxy_Vmess_Inbound_Config()
            if let defaults = object["default"] {
                config.default = try defaults.object { object in
                    var message = Xray_Proxy_Vmess_Inbound_DefaultConfig()
                    message.level = try UInt32(object.integer("level", as: UInt8.self))
                    object.ignore("alterId")
                    return message
                }
            }
            let users = try object.users("clients")?.map { (user: try decode(user: $0), node: $0) } ?? []
            try ConfigNode.refuseDuplicateEmails(users)
            config.user = users.map(\.user)
            object.ignore("disableInsecureEncryption", "detour")
            return config
        }
    }

    private static func decode(user node: ConfigNode) throws -> Xray_Common_Protocol_User {
        try node.object { object in
            var user = Xray_Common_Protocol_User()
            user.level = try object.integer("level")
            user.email = try object.string("email")
            user.account = try node.pack(try VMessAccount.decode(object))
            return user
        }
    }
}

/// A VMess user's account, in an inbound or an outbound.
enum VMessAccount {
    static func decode(_ object: ObjectReader) throws -> Xray_Proxy_Vmess_Account {
        var account = Xray_Proxy_Vmess_Account()
        guard let id = object["id"] else { throw object.owner.error("a user needs an id") }
        account.id = try id.userID()
        account.securitySettings.type =
            switch try object.string("security").lowercased() {
            case "aes-128-gcm": .aes128Gcm
            case "chacha20-poly1305": .chacha20Poly1305
            default: .auto
            }
        account.testsEnabled = try object.string("experiments")
        object.ignore("alterId", "security")
        return account
    }
}
