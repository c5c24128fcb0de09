// SPDX-License-Identifier: Apache-2.0
import SwiftProtobuf
import XrayProtos

/// `settings` of a Shadowsocks outbound.
enum ShadowsocksOutboundSettings {
    static func decode(_ node: ConfigNode) throws -> any Message {
        try node.object { object in
            let form = try ServerForm(object, list: "servers", users: .beside)
            let reader = form.server
            guard form.endpoint.port != 0 else { throw (reader["port"] ?? reader.owner).error("a port is needed") }
            reader.ignore("level", "email", "uot", "UoTVersion", "ivCheck")
            let method = try reader.string("method")
            guard ShadowsocksMethod.is2022(method) else {
                var config = Xray_Proxy_Shadowsocks_ClientConfig()
                config.server = form.endpoint
                config.server.user.level = try UInt32(reader.integer("level", as: UInt8.self))
                config.server.user.email = try reader.string("email")
                config.server.user.account = try reader.owner.pack(try ShadowsocksMethod.account(reader))
                form.finish(object)
                return config
            }
            var config = Xray_Proxy_Shadowsocks2022_ClientConfig()
            config.address = form.endpoint.address
            config.port = form.endpoint.port
            config.method = method
            config.key = try reader.string("password")
            guard !config.key.isEmpty else { throw (reader["password"] ?? reader.owner).error("a password is needed") }
            form.finish(object)
            return config
        }
    }
}
