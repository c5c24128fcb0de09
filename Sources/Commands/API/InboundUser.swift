// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import SwiftProtobuf
import XrayProtos

struct InboundUser: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "inbounduser", abstract: "Show one user of an inbound, or all.",
        discussion: """
            A user who is not there is shown as one without fields.
            Example: tidegate api inbounduser -tag vless-in -email a@example.com
            """)

    @OptionGroup var connection: ConnectionOptions
    @Option(help: "The inbound's tag.") var tag = ""
    @Option(help: "The user's e-mail; all users without it.") var email = ""

    func perform(_ session: APISession) async throws {
        try session.show(
            await session.call(to: "get inbound user") { client in
                try await client.getInboundUsers(
                    .with {
                        $0.tag = tag
                        $0.email = email
                    })
            })
    }
}
