// SPDX-License-Identifier: Apache-2.0
import SwiftProtobuf
import XrayProtos

/// `settings` of a Shadowsocks inbound: of the older ciphers, or of the 2022 edition with one user, several, or a relay.
enum ShadowsocksInboundSettings {
    static func decode(_ node: ConfigNode) throws -> any Message {
        try node.object { object in
            let method = try object.string("method")
            let users = try object.users("clients")
            let networks = try object["network"]?.networks() ?? [.tcp]
            guard ShadowsocksMethod.is2022(method) else {
                return try decodeOlder(object, method: method, users: users, networks: networks)
            }
            object.ignore("level", "email", "password")
            guard let users, let first = users.first else {
                var config = Xray_Proxy_Shadowsocks2022_ServerConfig()
                config.method = method
                config.key = try object.string("password")
                config.email = try object.string("email")
                config.network = networks
                return config
            }
            guard method.contains("aes") else {
                throw (object["method"] ?? node).error("several users need a 2022-blake3-aes method, found \(method)")
            }
            let isRelay = try first.objectReader()["address"] != nil
            return isRelay
                ? try decodeRelay(object, method: method, users: users, networks: networks)
                : try decodeMultiUser(object, method: method, users: users, networks: networks)
        }
    }

    private static func decodeOlder(
        _ object: ObjectReader, method: String, users: [ConfigNode]?, networks: [Xray_Common_Net_Network]
    ) throws -> Xray_Proxy_Shadowsocks_ServerConfig {
        var config = Xray_Proxy_Shadowsocks_ServerConfig()
        config.network = networks
        let nodes = users ?? [object.owner]
        config.users = try nodes.map { node in
            let isOwner = users == nil
            let reader = isOwner ? object : try node.objectReader()
            var user = Xray_Common_Protocol_User()
            user.email = try reader.string("email")
            user.level = try UInt32(reader.integer("level", as: UInt8.self))
            user.account = try node.pack(try ShadowsocksMethod.account(reader))
            if !isOwner {
                reader.ignore("address", "port")
                reader.warnOfUnknownKeys()
            }
            return user
        }
        object.ignore("method", "password", "level", "email")
        return config
    }

    private static func decodeMultiUser(
        _ object: ObjectReader, method: String, users: [ConfigNode], networks: [Xray_Common_Net_Network]
    ) throws -> Xray_Proxy_Shadowsocks2022_MultiUserServerConfig {
        var config = Xray_Proxy_Shadowsocks2022_MultiUserServerConfig()
        config.method = method
        config.key = try object.string("password")
        config.network = networks
        let decoded = try users.map { node in
            let user = try node.object { reader in
                try refuseMethod(reader)
                var user = Xray_Common_Protocol_User()
                user.email = try reader.string("email")
                user.level = try UInt32(reader.integer("level", as: UInt8.self))
                var account = Xray_Proxy_Shadowsocks2022_Account()
                account.key = try reader.string("password")
                user.account = try node.pack(account)
                reader.ignore("address", "port")
                return user
            }
            return (user: user, node: node)
        }
        try ConfigNode.refuseDuplicateEmails(decoded)
        config.users = decoded.map(\.user)
        return config
    }

    private static func decodeRelay(
        _ object: ObjectReader, method: String, users: [ConfigNode], networks: [Xray_Common_Net_Network]
    ) throws -> Xray_Proxy_Shadowsocks2022_RelayServerConfig {
        var config = Xray_Proxy_Shadowsocks2022_RelayServerConfig()
        config.method = method
        config.key = try object.string("password")
        config.network = networks
        config.destinations = try users.map { node in
            try node.object { reader in
                try refuseMethod(reader)
                guard let address = reader["address"] else { throw node.error("each user of a relay needs an address") }
                var destination = Xray_Proxy_Shadowsocks2022_RelayDestination()
                destination.address = try address.ipOrDomain()
                destination.port = try UInt32(reader.integer("port", as: UInt16.self))
                destination.key = try reader.string("password")
                destination.email = try reader.string("email")
                reader.ignore("level")
                return destination
            }
        }
        return config
    }

    private static func refuseMethod(_ reader: ObjectReader) throws {
        if let method = reader["method"], try !method.string().isEmpty {
            throw method.error("users of the 2022 edition have no method of their own")
        }
    }
}

/// The ciphers of Shadowsocks by name.
enum ShadowsocksMethod {
    static func is2022(_ method: String) -> Bool {
        ["2022-blake3-aes-128-gcm", "2022-blake3-aes-256-gcm", "2022-blake3-chacha20-poly1305"].contains(method)
    }

    /// `method` and `password` of a user or a server.
    static func account(_ reader: ObjectReader) throws -> Xray_Proxy_Shadowsocks_Account {
        var account = Xray_Proxy_Shadowsocks_Account()
        account.password = try reader.string("password")
        guard !account.password.isEmpty else { throw reader.owner.error("a password is needed") }
        let method = try reader.string("method")
        guard let cipher = cipher(method) else {
            throw (reader["method"] ?? reader.owner).error("unknown cipher method: \(method.quoted)")
        }
        account.cipherType = cipher
        return account
    }

    private static func cipher(_ method: String) -> Xray_Proxy_Shadowsocks_CipherType? {
        switch method.lowercased() {
        case "aes-128-gcm", "aead_aes_128_gcm": .aes128Gcm
        case "aes-256-gcm", "aead_aes_256_gcm": .aes256Gcm
        case "chacha20-poly1305", "aead_chacha20_poly1305", "chacha20-ietf-poly1305": .chacha20Poly1305
        case "xchacha20-poly1305", "aead_xchacha20_poly1305", "xchacha20-ietf-poly1305": .xchacha20Poly1305
        default: nil
        }
    }
}
