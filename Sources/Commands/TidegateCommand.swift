// SPDX-License-Identifier: Apache-2.0
package import ArgumentParser
import Foundation

/// `tidegate`: the command line. Without a command, or with options only, it means `run`.
package struct TidegateCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "tidegate",
        abstract: "A scriptable proxy core: Xray's configuration and API, with Lua automation inside.",
        subcommands: [
            RunCommand.self, CheckCommand.self, ReloadCommand.self, APICommand.self, ScriptCommand.self,
            ReplCommand.self, ReferenceCommand.self, UUIDCommand.self, VersionCommand.self,
        ],
        defaultSubcommand: RunCommand.self)

    package init() {}

    /// Runs the process's arguments and exits with the command's status.
    package static func start() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        var isRunning = false
        do {
            var command = try parseAsRoot(APIArguments.normalized(arguments))
            isRunning = true
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            fflush(nil)
            // Xray, like all programs of Go's flag package, ends with 2 where ArgumentParser would end with 64.
            if exitCode(for: error) == .validationFailure {
                // How the command line is made helps who got it wrong, but not who named what is not there.
                CommandFailure.report(isRunning ? message(for: error) : fullMessage(for: error))
                Foundation.exit(2)
            }
            exit(withError: error)
        }
        fflush(nil)
        Foundation.exit(EXIT_SUCCESS)
    }
}
