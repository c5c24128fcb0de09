// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// `settings` of a SOCKS (`mixed`) inbound.
enum SOCKSInboundSettings {
    static func decode(_ node: ConfigNode) throws -> Xray_Proxy_Socks_ServerConfig {
        try node.object { object in
            var config = Xray_Proxy_Socks_ServerConfig()
            switch try object.string("auth") {
            case "password": config.authType = .password
            case "noauth", "": config.authType = .noAuth
            case let other:
                config.authType = .noAuth
                object["auth"]?.warn("unknown auth \(other.quoted) counts as noauth (known: noauth, password)")
            }
            config.accounts = try Accounts.decode(object)
            config.udpEnabled = try object.bool("udp")
            if let address = object["ip"] { config.address = try address.ipOrDomain() }
            config.userLevel = try object.integer("userLevel")
            return config
        }
    }
}

/// `settings` of an HTTP inbound.
enum HTTPInboundSettings {
    static func decode(_ node: ConfigNode) throws -> Xray_Proxy_Http_ServerConfig {
        try node.object { object in
            var config = Xray_Proxy_Http_ServerConfig()
            config.accounts = try Accounts.decode(object)
            config.allowTransparent = try object.bool("allowTransparent")
            config.userLevel = try object.integer("userLevel")
            object.ignore("timeout")
            return config
        }
    }
}

/// Accounts of a name and a password; of two with one name the last counts.
enum Accounts {
    static func decode(_ object: ObjectReader) throws -> [String: String] {
        var accounts: [String: String] = [:]
        for account in try object.users("accounts") ?? [] {
            try account.object { account in
                accounts[try account.string("user")] = try account.string("pass")
            }
        }
        return accounts
    }
}

/// `settings` of a tunnel (`dokodemo-door`) inbound; the older keys win.
enum TunnelSettings {
    static func decode(_ node: ConfigNode) throws -> Xray_Proxy_Dokodemo_Config {
        try node.object { object in
            var config = Xray_Proxy_Dokodemo_Config()
            let allowed = object["allowedNetwork"]
            config.allowedNetworks = try (object["network"] ?? allowed)?.networks() ?? [.tcp]
            let rewriteAddress = object["rewriteAddress"]
            if let address = object["address"] ?? rewriteAddress { config.rewriteAddress = try address.ipOrDomain() }
            let rewritePort = try object.integer("rewritePort", as: UInt16.self)
            let port = try object.integer("port", as: UInt16.self)
            config.rewritePort = UInt32(port != 0 ? port : rewritePort)
            config.portMap = try object.textMap("portMap")
            for (name, target) in config.portMap where HostAndPort(target) == nil {
                throw (object["portMap"] ?? node).error("port \(name): host:port is needed, found \(target.quoted)")
            }
            config.followRedirect = try object.bool("followRedirect")
            config.userLevel = try object.integer("userLevel")
            object.ignore("timeout")
            return config
        }
    }
}
