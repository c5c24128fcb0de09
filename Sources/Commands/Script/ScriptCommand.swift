// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import ScriptAPI

/// `tidegate script …`: the scripts of a running core, and files of Lua.
struct ScriptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "script", abstract: "List, check, run and switch scripts.",
        discussion: """
            The running core is found by -c FILE, the configuration that it runs with (config.json unless given), or by \
            --socket PATH. Only the core's own user, and root, may do this.

            Status: 0 done, 1 the script, the run or the core failed, 2 the command line is wrong, 23 the configuration is \
            refused.
            """,
        subcommands: [
            ScriptList.self, ScriptCheckCommand.self, ScriptRun.self, ScriptHistory.self, ScriptLogs.self,
            ScriptEnable.self, ScriptDisable.self, ScriptReload.self, ScriptKill.self, ScriptNew.self,
            ScriptTest.self,
        ])
}

/// A command that asks a running core.
protocol ScriptSubcommand: AsyncParsableCommand {
    var connection: ScriptConnectionOptions { get }

    func perform(_ client: ScriptClient) async throws
}

extension ScriptSubcommand {
    func run() async throws {
        try await ScriptFailure.telling {
            let client = try await connection.connect()
            do {
                try await perform(client)
            } catch {
                await client.close()
                throw error
            }
            await client.close()
        }
    }
}

extension ScriptFailure {
    /// Tells a failure in one line on standard error, with status 1.
    static func telling(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let failure as ScriptFailure {
            CommandFailure.report(failure.description)
            throw ExitCode(1)
        } catch let error as ControlError {
            CommandFailure.report(DisplayText.safe(error.message))
            throw ExitCode(1)
        }
    }
}
