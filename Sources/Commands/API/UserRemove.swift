// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import SwiftProtobuf
import XrayProtos

struct UserRemove: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "rmu", abstract: "Remove users from an inbound.",
        discussion: """
            What fails is told, and the rest goes on. A user who is not there is no failure; anything else is status 1.
            Example: tidegate api rmu -tag vless-in a@example.com b@example.com
            """)

    @OptionGroup var connection: ConnectionOptions
    @Option(help: "The inbound's tag.") var tag = ""
    @Argument(help: "The users' e-mails.") var emails: [String] = []

    func perform(_ session: APISession) async throws {
        guard !tag.isEmpty else { throw APIFailure("inbound tag not specified") }
        _ = try await session.connected()
        var changes = UserChanges()
        for email in emails {
            session.printLine("remove user: \(email)")
            let operation = try TypedMessages.pack(
                Xray_App_Proxyman_Command_RemoveUserOperation.with { $0.email = email })
            _ = await changes.apply(operation, to: tag, session) { $0.message.hasSuffix("User \(email) not found.") }
        }
        session.printLine("Removed \(changes.made) user(s) in total.")
        try changes.check()
    }
}
