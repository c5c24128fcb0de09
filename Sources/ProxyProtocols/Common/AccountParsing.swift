// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import ProxyCore
package import ProxyModel
package import SwiftProtobuf
package import XrayProtos

/// A user whose account was read, before it is known which inbound it goes to.
package struct ParsedUser: Sendable {
    package let email: String
    package let level: UInt32
    package let account: ProxyAccount

    /// Reads a user as the API and configurations give it.
    /// - Throws: what Xray says about the account, such as `common/protocol: Account is missing`.
    package init(_ user: Xray_Common_Protocol_User) throws(ControlError) {
        guard user.hasAccount else { throw ControlError("common/protocol: Account is missing") }
        let message = try user.account.instance()
        guard let account = try ProxyAccount(message) else {
            throw ControlError("common/protocol: Unknown account type: \(user.account.type)")
        }
        self.email = user.email
        self.level = user.level
        self.account = account
    }

    /// Reads a user that the API adds to a running inbound.
    package static func fromAPI(_ user: Xray_Common_Protocol_User) throws(ControlError) -> ParsedUser {
        do {
            return try ParsedUser(user)
        } catch {
            throw error.within("app/proxyman/command: failed to parse user")
        }
    }
}

/// An account in its canonical form: what GetInboundUsers answers, and what a protocol takes its keys from.
package enum ProxyAccount: Sendable {
    case vless(Xray_Proxy_Vless_Account, UserID)
    case vmess(Xray_Proxy_Vmess_Account, UserID)
    case trojan(Xray_Proxy_Trojan_Account)
    case shadowsocks(Xray_Proxy_Shadowsocks_Account)
    case shadowsocks2022(Xray_Proxy_Shadowsocks2022_Account)
    case socks(Xray_Proxy_Socks_Account)
    case http(Xray_Proxy_Http_Account)
    /// The account of a protocol that this build does not have.
    case other(any SwiftProtobuf.Message & Sendable)

    /// Nil for a message that is no account.
    init?(_ message: any SwiftProtobuf.Message) throws(ControlError) {
        switch message {
        case var account as Xray_Proxy_Vless_Account:
            let id = try UserID.parse(account.id, scope: "proxy/vless")
            account.id = id.description
            account.unknownFields = .init()
            self = .vless(account, id)
        case var account as Xray_Proxy_Vmess_Account:
            let id = try UserID.parse(account.id, scope: "proxy/vmess")
            account = account.canonical(id)
            self = .vmess(account, id)
        case var account as Xray_Proxy_Trojan_Account:
            account.unknownFields = .init()
            self = .trojan(account)
        case var account as Xray_Proxy_Shadowsocks_Account:
            guard (5...8).contains(account.cipherType.rawValue) else {
                throw ControlError("proxy/shadowsocks: failed to get cipher > proxy/shadowsocks: Unsupported cipher.")
            }
            account.unknownFields = .init()
            self = .shadowsocks(account)
        case var account as Xray_Proxy_Shadowsocks2022_Account:
            account.unknownFields = .init()
            self = .shadowsocks2022(account)
        case var account as Xray_Proxy_Socks_Account:
            account.unknownFields = .init()
            self = .socks(account)
        case var account as Xray_Proxy_Http_Account:
            account.unknownFields = .init()
            self = .http(account)
        case let account as Xray_Proxy_Hysteria_Account_Account: self = .other(account)
        case let account as Xray_Proxy_Wireguard_PeerConfig: self = .other(account)
        default: return nil
        }
    }

    /// The account packed again.
    func packed() throws(ControlError) -> Xray_Common_Serial_TypedMessage {
        let message: any SwiftProtobuf.Message =
            switch self {
            case .vless(let account, _): account
            case .vmess(let account, _): account
            case .trojan(let account): account
            case .shadowsocks(let account): account
            case .shadowsocks2022(let account): account
            case .socks(let account): account
            case .http(let account): account
            case .other(let account): account
            }
        do {
            return try TypedMessages.pack(message)
        } catch {
            throw ControlError("common/protocol: \(error)")
        }
    }
}

extension ParsedUser {
    /// The user as an inbound keeps it.
    func user() throws(ControlError) -> ProxyUser {
        ProxyUser(email: email, level: level, account: try account.packed())
    }
}

extension AEADCipher {
    /// What "auto" stands for on this machine.
    fileprivate static var preferred: Xray_Common_Protocol_SecurityType {
        hasAESInstructions ? .aes128Gcm : .chacha20Poly1305
    }
}

extension Xray_Proxy_Vmess_Account {
    /// As Xray reads it back: a cipher that is left to the core is named, of the experiments those that exist are.
    fileprivate func canonical(_ id: UserID) -> Self {
        var account = Self()
        account.id = id.description
        let isAutomatic = !hasSecuritySettings || securitySettings.type == .auto
        account.securitySettings.type = isAutomatic ? AEADCipher.preferred : securitySettings.type
        if testsEnabled.contains("AuthenticatedLength") { account.testsEnabled += "AuthenticatedLength|" }
        if testsEnabled.contains("NoTerminationSignal") { account.testsEnabled += "NoTerminationSignal" }
        return account
    }
}
