// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import SwiftProtobuf
import XrayProtos

struct StatsOnline: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "statsonline", abstract: "Show from how many addresses a user is connected.",
        discussion: """
            Example: tidegate api statsonline -email a@example.com
            """)

    @OptionGroup var connection: ConnectionOptions
    @Option(help: "The user's e-mail.") var email = ""

    func perform(_ session: APISession) async throws {
        try session.show(
            await session.call(to: "get stats") { client in
                try await client.getStatsOnline(.with { $0.name = "user>>>\(email)>>>online" })
            })
    }
}
