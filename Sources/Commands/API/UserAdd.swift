// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import ProxyConfig
import SwiftProtobuf
import XrayProtos

struct UserAdd: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "adu", abstract: "Add the users of configurations' inbounds to the inbounds of the same tags.",
        discussion: "Users without an e-mail are passed over. What fails is told, and the rest goes on.")

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "Configurations.") var configurations: [String] = []

    func perform(_ session: APISession) async throws {
        let inputs = try configurations.map { try ConfigurationInput.read($0, session) }
        let inbounds = try inputs.flatMap { try ConfigurationParts.inbounds(fromText: $0.text, name: $0.name) }
        var added = 0
        for inbound in inbounds where !inbound.tag.isEmpty {
            session.printLine("processing inbound: \(inbound.tag)")
            for user in Self.users(of: inbound) where !user.email.isEmpty {
                session.printLine("add user: \(user.email)")
                let operation = try TypedMessages.pack(
                    Xray_App_Proxyman_Command_AddUserOperation.with { $0.user = user })
                if await UserChange.apply(operation, to: inbound.tag, session) {
                    session.printLine("result: ok")
                    added += 1
                }
            }
        }
        session.printLine("Added \(added) user(s) in total.")
    }

    /// The users in an inbound's settings, if its protocol has any.
    static func users(of inbound: Xray_Core_InboundHandlerConfig) -> [Xray_Common_Protocol_User] {
        switch try? TypedMessages.unpack(inbound.proxySettings) {
        case let config as Xray_Proxy_Vless_Inbound_Config: config.users
        case let config as Xray_Proxy_Vmess_Inbound_Config: config.user
        case let config as Xray_Proxy_Trojan_ServerConfig: config.users
        case let config as Xray_Proxy_Shadowsocks_ServerConfig: config.users
        case let config as Xray_Proxy_Shadowsocks2022_MultiUserServerConfig: config.users
        default: []
        }
    }
}

/// A change of one user of which the outcome is printed, and the rest goes on.
enum UserChange {
    /// True if it was made; otherwise the error is printed.
    static func apply(
        _ operation: Xray_Common_Serial_TypedMessage, to tag: String, _ session: APISession
    ) async -> Bool {
        do {
            _ = try await session.call(to: "alter inbound") { client in
                try await client.alterInbound(
                    .with {
                        $0.tag = tag
                        $0.operation = operation
                    })
            }
            return true
        } catch {
            session.printLine("\(error)")
            return false
        }
    }
}
