// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import XrayProtos

struct RuleList: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "lsrules", abstract: "Show the routing rules' tags and outbounds, in order.",
        discussion: """
            Example: tidegate api lsrules
            """)

    @OptionGroup var connection: ConnectionOptions

    func perform(_ session: APISession) async throws {
        try session.show(await session.call(to: "list rules") { try await $0.listRule(.init()) })
    }
}
