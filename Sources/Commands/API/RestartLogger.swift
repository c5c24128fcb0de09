// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import XrayProtos

struct RestartLogger: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "restartlogger", abstract: "Close the log files and open them again.",
        discussion: """
            For log rotation: rename the files, then call this; no line is lost.
            Example: mv access.log access.log.1 && tidegate api restartlogger
            """)

    @OptionGroup var connection: ConnectionOptions

    func perform(_ session: APISession) async throws {
        try session.show(await session.call(to: "restart logger") { try await $0.restartLogger(.init()) })
    }
}
