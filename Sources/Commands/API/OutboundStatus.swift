// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import XrayProtos

struct OutboundStatus: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "observe", abstract: "Show what the observatory knows of the outbounds.",
        discussion: """
            Needs an observatory in the configuration, and ObservatoryService among its api.services.
            Example: tidegate api observe
            """)

    @OptionGroup var connection: ConnectionOptions

    func perform(_ session: APISession) async throws {
        try session.show(await session.call(to: "get outbound status") { try await $0.getOutboundStatus(.init()) })
    }
}
