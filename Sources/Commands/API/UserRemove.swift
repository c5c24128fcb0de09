// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import SwiftProtobuf
import XrayProtos

struct UserRemove: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "rmu", abstract: "Remove users from an inbound.",
        discussion: "Example: tidegate api rmu -tag in a@example.com b@example.com")

    @OptionGroup var connection: ConnectionOptions
    @Option(help: "The inbound's tag.") var tag = ""
    @Argument(help: "The users' e-mails.") var emails: [String] = []

    func perform(_ session: APISession) async throws {
        guard !tag.isEmpty else { throw APIFailure("inbound tag not specified") }
        var removed = 0
        for email in emails {
            session.printLine("remove user: \(email)")
            let operation = try TypedMessages.pack(
                Xray_App_Proxyman_Command_RemoveUserOperation.with { $0.email = email })
            if await UserChange.apply(operation, to: tag, session) { removed += 1 }
        }
        session.printLine("Removed \(removed) user(s) in total.")
    }
}
