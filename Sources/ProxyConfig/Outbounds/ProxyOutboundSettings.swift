// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// `settings` of a VLESS outbound.
enum VLESSOutboundSettings {
    static func decode(_ node: ConfigNode) throws -> Xray_Proxy_Vless_Outbound_Config {
        try node.object { object in
            let form = try ServerForm(object, list: "vnext", users: .one)
            var config = Xray_Proxy_Vless_Outbound_Config()
            config.vnext = form.endpoint
            if let reader = form.user {
                config.vnext.user = try user(reader, isFlat: form.server === object)
            }
            form.finish(object)
            object.ignore("seed", "vnext")
            return config
        }
    }

    private static func user(_ reader: ObjectReader, isFlat: Bool) throws -> Xray_Common_Protocol_User {
        let node = reader.owner
        var account = Xray_Proxy_Vless_Account()
        guard let id = reader["id"] else { throw node.error("a user needs an id") }
        account.id = try id.userID()
        account.flow = try reader.string("flow")
        guard ["", VLESSInboundSettings.vision, VLESSInboundSettings.vision + "-udp443"].contains(account.flow) else {
            throw (reader["flow"] ?? node).error("unknown flow: \(account.flow.quoted)")
        }
        try VLESSDecryption.decode(
            encryption: reader.string("encryption"), at: reader["encryption"] ?? node, into: &account)
        account.testpre = try reader.integer("testpre")
        account.testseed = try VLESSInboundSettings.testSeed(reader["testseed"])
        if let reverse = reader["reverse"] {
            guard isFlat else { throw reverse.error("reverse needs the flat form of the settings") }
            account.reverse = try decode(reverse: reverse)
        }
        var user = Xray_Common_Protocol_User()
        user.level = try reader.integer("level")
        user.email = try reader.string("email")
        user.account = try node.pack(account)
        return user
    }

    private static func decode(reverse node: ConfigNode) throws -> Xray_Proxy_Vless_Reverse {
        try node.object { object in
            var reverse = Xray_Proxy_Vless_Reverse()
            reverse.tag = try object.string("tag")
            guard !reverse.tag.isEmpty else { throw node.error("a reverse needs a tag") }
            if let sniffing = object["sniffing"] { reverse.sniffing = try SniffingSection.decode(sniffing) }
            return reverse
        }
    }
}

/// `settings` of a VMess outbound.
enum VMessOutboundSettings {
    static func decode(_ node: ConfigNode) throws -> Xray_Proxy_Vmess_Outbound_Config {
        try node.object { object in
            let form = try ServerForm(object, list: "vnext", users: .one)
            var config = Xray_Proxy_Vmess_Outbound_Config()
            config.receiver = form.endpoint
            if let reader = form.user {
                config.receiver.user.level = try reader.integer("level")
                config.receiver.user.email = try reader.string("email")
                config.receiver.user.account = try reader.owner.pack(try VMessAccount.decode(reader))
            }
            form.finish(object)
            return config
        }
    }
}

/// `settings` of a Trojan outbound.
enum TrojanOutboundSettings {
    static func decode(_ node: ConfigNode) throws -> Xray_Proxy_Trojan_ClientConfig {
        try node.object { object in
            let form = try ServerForm(object, list: "servers", users: .beside)
            let reader = form.server
            guard form.endpoint.port != 0 else { throw (reader["port"] ?? reader.owner).error("a port is needed") }
            var account = Xray_Proxy_Trojan_Account()
            account.password = try reader.string("password")
            guard !account.password.isEmpty else {
                throw (reader["password"] ?? reader.owner).error("a password is needed")
            }
            try TrojanInboundSettings.refuseFlow(reader)
            var config = Xray_Proxy_Trojan_ClientConfig()
            config.server = form.endpoint
            config.server.user.level = try UInt32(reader.integer("level", as: UInt8.self))
            config.server.user.email = try reader.string("email")
            config.server.user.account = try reader.owner.pack(account)
            form.finish(object)
            return config
        }
    }
}

/// `settings` of a Hysteria outbound.
enum HysteriaOutboundSettings {
    static func decode(_ node: ConfigNode) throws -> Xray_Proxy_Hysteria_ClientConfig {
        try node.object { object in
            try checkVersion(object)
            guard let address = object["address"] else { throw node.error("the server's address is missing") }
            var config = Xray_Proxy_Hysteria_ClientConfig()
            config.server.address = try address.ipOrDomain()
            config.server.port = try UInt32(object.integer("port", as: UInt16.self))
            return config
        }
    }

    static func checkVersion(_ object: ObjectReader) throws {
        guard try object.integer("version", as: Int32.self) == 2 else {
            throw (object["version"] ?? object.owner).error("the version of hysteria must be 2")
        }
    }
}
