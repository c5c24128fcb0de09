// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import XrayProtos

struct RestartLogger: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "restartlogger", abstract: "Close the log files and open them again.")

    @OptionGroup var connection: ConnectionOptions

    func perform(_ session: APISession) async throws {
        try session.show(await session.call(to: "restart logger") { try await $0.restartLogger(.init()) })
    }
}
