// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import XrayProtos

struct StatsSys: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "statssys", abstract: "Show the core's memory and uptime.",
        discussion: """
            Example: tidegate api statssys
            """)

    @OptionGroup var connection: ConnectionOptions

    func perform(_ session: APISession) async throws {
        try session.show(await session.call(to: "get sys stats") { try await $0.getSysStats(.init()) })
    }
}
