// SPDX-License-Identifier: Apache-2.0
import LuaRuntime
import XrayProtos

/// How the accounts of a protocol's users are named and spelt.
enum UserAccount {
    /// The message types of accounts, by protocol.
    static let types = [
        "vless": "xray.proxy.vless.Account", "vmess": "xray.proxy.vmess.Account",
        "trojan": "xray.proxy.trojan.Account", "shadowsocks": "xray.proxy.shadowsocks.Account",
        "shadowsocks_2022": "xray.proxy.shadowsocks_2022.Account", "socks": "xray.proxy.socks.Account",
        "http": "xray.proxy.http.Account", "hysteria": "xray.proxy.hysteria.account.Account",
    ]

    /// The protocol of a settings type such as `xray.proxy.vless.inbound.Config`.
    static func protocolName(ofSettings type: String) -> String {
        let parts = type.split(separator: ".")
        return parts.count > 3 && parts.starts(with: ["xray", "proxy"]) ? String(parts[2]) : ""
    }

    /// The protocol of an account's type.
    static func protocolName(ofAccount type: String) -> String {
        types.first { $0.value == type }?.key ?? protocolName(ofSettings: type)
    }

    /// The `xray.common.protocol.User` that a script's table describes: `email`, `level`, and either `account` or the account's
    /// fields themselves. `password` stands for whatever the protocol calls its secret, `method` for the cipher.
    static func user(_ table: LuaTable, protocol name: String) throws -> LuaTable {
        guard let email = try table.text("email"), !email.isEmpty else { throw LuaError("users.add: email is missing") }
        var user = LuaTable()
        user["email"] = .string(email)
        user["level"] = table["level"]
        var account = table["account"].table ?? LuaTable()
        for (key, value) in table.fields {
            guard let field = key.string, !["email", "level", "account", "protocol"].contains(field) else { continue }
            account[Self.field(field, name)] = Self.value(value, field)
        }
        if ["_TypedMessage_", "_type"].allSatisfy({ account[$0].isNil }) {
            guard let type = types[name] else {
                throw LuaError("users.add: the users of protocol \"\(name)\" have no account type")
            }
            account["_TypedMessage_"] = .string(type)
        }
        user["account"] = .table(account)
        return user
    }

    private static func field(_ name: String, _ protocolName: String) -> String {
        switch (protocolName, name) {
        case ("shadowsocks_2022", "password"): "key"
        case ("hysteria", "password"): "auth"
        case ("shadowsocks", "method"), ("shadowsocks", "cipher"): "cipher_type"
        case ("socks", "user"), ("http", "user"): "username"
        default: name
        }
    }

    /// `aes-256-gcm` → `AES_256_GCM`.
    private static func value(_ value: LuaValue, _ field: String) -> LuaValue {
        guard field == "method" || field == "cipher", let text = value.string else { return value }
        return .string(text.uppercased().replacing("-", with: "_").replacing("_IETF_", with: "_"))
    }
}
