// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import XrayProtos

struct OutboundList: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "lso", abstract: "Show the outbounds.",
        discussion: """
            Example: tidegate api lso
            """)

    @OptionGroup var connection: ConnectionOptions

    func perform(_ session: APISession) async throws {
        try session.show(await session.call(to: "list outbounds") { try await $0.listOutbounds(.init()) })
    }
}
