// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import ProxyConfig
import SwiftProtobuf
import XrayProtos

struct UserAdd: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "adu", abstract: "Add the users of configurations' inbounds to the inbounds of the same tags.",
        discussion: """
            Each argument is a file, an http(s) address or stdin:, holding a whole configuration. Users without an e-mail are \
            passed over. What fails is told, the rest goes on, and the status is 1.
            Example: tidegate api adu -server=127.0.0.1:10085 users.json
            """)

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "Configurations.") var configurations: [String] = []

    func perform(_ session: APISession) async throws {
        let inputs = try configurations.map { try ConfigurationInput.read($0, session) }
        let inbounds = try inputs.flatMap { try ConfigurationParts.inbounds(fromText: $0.text, name: $0.name) }
        _ = try await session.connected()
        var changes = UserChanges()
        for inbound in inbounds where !inbound.tag.isEmpty {
            session.printLine("processing inbound: \(inbound.tag)")
            guard let users = Self.users(of: inbound) else {
                session.printLine("unsupported inbound type")
                continue
            }
            for user in users where !user.email.isEmpty {
                session.printLine("add user: \(user.email)")
                let operation = try TypedMessages.pack(
                    Xray_App_Proxyman_Command_AddUserOperation.with { $0.user = user })
                if await changes.apply(operation, to: inbound.tag, session) { session.printLine("result: ok") }
            }
        }
        session.printLine("Added \(changes.made) user(s) in total.")
        try changes.check()
    }

    /// The users in an inbound's settings; nil if its protocol has none that can be added.
    static func users(of inbound: Xray_Core_InboundHandlerConfig) -> [Xray_Common_Protocol_User]? {
        switch try? TypedMessages.unpack(inbound.proxySettings) {
        case let config as Xray_Proxy_Vless_Inbound_Config: config.users
        case let config as Xray_Proxy_Vmess_Inbound_Config: config.user
        case let config as Xray_Proxy_Trojan_ServerConfig: config.users
        case let config as Xray_Proxy_Shadowsocks_ServerConfig: config.users
        case let config as Xray_Proxy_Shadowsocks2022_MultiUserServerConfig: config.users
        default: nil
        }
    }
}
