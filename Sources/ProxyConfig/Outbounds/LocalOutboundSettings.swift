// SPDX-License-Identifier: Apache-2.0
import SwiftProtobuf
import XrayProtos

/// `settings` of a SOCKS outbound.
enum SOCKSOutboundSettings {
    static func decode(_ node: ConfigNode) throws -> Xray_Proxy_Socks_ClientConfig {
        try node.object { object in
            let form = try ServerForm(object, list: "servers", users: .optional)
            var config = Xray_Proxy_Socks_ClientConfig()
            config.server = form.endpoint
            if let reader = form.user {
                var account = Xray_Proxy_Socks_Account()
                account.username = try reader.string("user")
                account.password = try reader.string("pass")
                config.server.user = try ServerUser.decode(reader, account: account)
            }
            object.ignore("user", "pass", "level", "email", "version")
            form.finish(object)
            return config
        }
    }
}

/// `settings` of an HTTP outbound.
enum HTTPOutboundSettings {
    static func decode(_ node: ConfigNode) throws -> Xray_Proxy_Http_ClientConfig {
        try node.object { object in
            let form = try ServerForm(object, list: "servers", users: .optional)
            var config = Xray_Proxy_Http_ClientConfig()
            config.server = form.endpoint
            if let reader = form.user {
                var account = Xray_Proxy_Http_Account()
                account.username = try reader.string("user")
                account.password = try reader.string("pass")
                config.server.user = try ServerUser.decode(reader, account: account)
            }
            config.header = try object.textMap("headers").sorted { $0.key < $1.key }.map { name, value in
                var header = Xray_Proxy_Http_Header()
                header.key = name
                header.value = value
                return header
            }
            object.ignore("user", "pass", "level", "email")
            form.finish(object)
            return config
        }
    }
}

/// The user that an outbound shows to its server.
enum ServerUser {
    static func decode(_ reader: ObjectReader, account: any Message) throws -> Xray_Common_Protocol_User {
        var user = Xray_Common_Protocol_User()
        user.level = try reader.integer("level")
        user.email = try reader.string("email")
        user.account = try reader.owner.pack(account)
        return user
    }
}

/// `settings` of a blackhole.
enum BlackholeSettings {
    static func decode(_ node: ConfigNode) throws -> Xray_Proxy_Blackhole_Config {
        try node.object { object in
            var config = Xray_Proxy_Blackhole_Config()
            guard let response = object["response"] else { return config }
            try response.object { object in
                guard let type = object["type"] else { throw response.error("a response needs a type") }
                switch try type.string().lowercased() {
                case "none": config.response = try response.pack(Xray_Proxy_Blackhole_NoneResponse())
                case "http": config.response = try response.pack(Xray_Proxy_Blackhole_HTTPResponse())
                case let other: throw type.error("unknown response (known: none, http): \(other.quoted)")
                }
            }
            return config
        }
    }
}

/// `settings` of a loopback.
enum LoopbackSettings {
    static func decode(_ node: ConfigNode) throws -> Xray_Proxy_Loopback_Config {
        try node.object { object in
            var config = Xray_Proxy_Loopback_Config()
            config.inboundTag = try object.string("inboundTag")
            if let sniffing = object["sniffing"] { config.sniffing = try SniffingSection.decode(sniffing) }
            return config
        }
    }
}
