// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import SwiftProtobuf
import XrayProtos

struct InboundList: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "lsi", abstract: "Show the inbounds.",
        discussion: """
            Settings are those that the inbound was made with; `inbounduser` shows the users of now.
            Example: tidegate api lsi -isOnlyTags=true
            """)

    @OptionGroup var connection: ConnectionOptions
    @Option(name: .customLong("isOnlyTags"), help: "\"true\" to show their tags only.") var isOnlyTags = ""

    func perform(_ session: APISession) async throws {
        try session.show(
            await session.call(to: "list inbounds") { client in
                try await client.listInbounds(.with { $0.isOnlyTags = isOnlyTags == "true" })
            })
    }
}
