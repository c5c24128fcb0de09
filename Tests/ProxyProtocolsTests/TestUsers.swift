// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import XrayProtos

/// A user as the API sends it.
func user(
    _ email: String, level: UInt32 = 0, _ account: (any SwiftProtobuf.Message)? = nil
) -> Xray_Common_Protocol_User {
    var user = Xray_Common_Protocol_User()
    user.email = email
    user.level = level
    if let account, let typed = try? TypedMessages.pack(account) { user.account = typed }
    return user
}

func vlessAccount(_ id: String, flow: String = "") -> Xray_Proxy_Vless_Account {
    var account = Xray_Proxy_Vless_Account()
    account.id = id
    account.flow = flow
    return account
}

/// Something of any type, as `proxy_settings` and accounts carry it.
func typed(_ type: String, _ value: [UInt8] = []) -> Xray_Common_Serial_TypedMessage {
    var message = Xray_Common_Serial_TypedMessage()
    message.type = type
    message.value = Data(value)
    return message
}

func trojanAccount(_ password: String) -> Xray_Proxy_Trojan_Account {
    var account = Xray_Proxy_Trojan_Account()
    account.password = password
    return account
}

func shadowsocksAccount(
    _ password: String, _ cipher: Xray_Proxy_Shadowsocks_CipherType = .aes128Gcm
) -> Xray_Proxy_Shadowsocks_Account {
    var account = Xray_Proxy_Shadowsocks_Account()
    account.password = password
    account.cipherType = cipher
    return account
}
