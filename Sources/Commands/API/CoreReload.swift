// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import SwiftProtobuf
import XrayProtos

struct CoreReload: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Let the core read its configuration again.",
        discussion: """
            Needs CoreService among api.services; Xray has nothing of the kind.
            Example: tidegate api reload -dry-run
            """)

    @OptionGroup var connection: ConnectionOptions
    @Flag(help: "Check, tell the changes, and change nothing.") var dryRun = false

    func perform(_ session: APISession) async throws {
        try session.show(
            await session.call(to: "reload") { client in try await client.reload(.with { $0.dryRun = dryRun }) })
    }
}
