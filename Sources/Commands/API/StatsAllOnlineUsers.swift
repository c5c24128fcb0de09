// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import XrayProtos

struct StatsAllOnlineUsers: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "statsgetallonlineusers", abstract: "Show the users who are online.",
        discussion: """
            Example: tidegate api statsgetallonlineusers
            """)

    @OptionGroup var connection: ConnectionOptions

    func perform(_ session: APISession) async throws {
        try session.show(await session.call(to: "get online users") { try await $0.getAllOnlineUsers(.init()) })
    }
}
