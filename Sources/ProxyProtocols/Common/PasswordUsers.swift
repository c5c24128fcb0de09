// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import ProxyCore
import SwiftProtobuf
import XrayProtos

/// The users of a SOCKS or HTTP inbound that asks who is there, by user name, with their passwords.
package typealias PasswordUsers = KeyedUsers<String, String>

extension PasswordUsers {
    /// - Parameters:
    ///   - accounts: Passwords by user name, from a configuration; the name is the e-mail as well, as in Xray.
    ///   - level: The level of these users.
    package static func socks(_ accounts: [String: String], level: UInt32) throws(ControlError) -> PasswordUsers {
        let scope = "proxy/socks"
        let users = PasswordUsers(scope: scope) { account throws(ControlError) in
            guard case .socks(let account) = account else {
                throw ControlError("\(scope): account type is incorrect")
            }
            // RFC 1929 has a byte for each length.
            guard (1...255).contains(account.username.utf8.count), account.password.utf8.count <= 255 else {
                throw ControlError("\(scope): a user name has 1 to 255 bytes, a password at most 255")
            }
            return (account.username, account.password)
        }
        for (name, password) in accounts {
            let account = Xray_Proxy_Socks_Account.with { ($0.username, $0.password) = (name, password) }
            users.keep(
                ProxyUser(email: name, level: level, account: try ProxyAccount.socks(account).packed()), key: name,
                credential: password)
        }
        return users
    }

    /// As ``socks(_:level:)``.
    package static func http(_ accounts: [String: String], level: UInt32) throws(ControlError) -> PasswordUsers {
        let scope = "proxy/http"
        let users = PasswordUsers(scope: scope) { account throws(ControlError) in
            guard case .http(let account) = account else {
                throw ControlError("\(scope): account type is incorrect")
            }
            // RFC 7617 ends the user name at the first colon.
            guard !account.username.isEmpty, !account.username.contains(":") else {
                throw ControlError("\(scope): a user name is needed, without a colon: \"\(account.username)\"")
            }
            return (account.username, account.password)
        }
        for (name, password) in accounts {
            let account = Xray_Proxy_Http_Account.with { ($0.username, $0.password) = (name, password) }
            users.keep(
                ProxyUser(email: name, level: level, account: try ProxyAccount.http(account).packed()), key: name,
                credential: password)
        }
        return users
    }

    /// The user of that name, if the password is the right one.
    func user(name: String, password: some Sequence<UInt8>) -> ProxyUser? {
        guard let entry = find(name), password.elementsEqual(entry.credential.utf8) else { return nil }
        return entry.user
    }
}
