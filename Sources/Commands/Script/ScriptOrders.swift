// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ScriptAPI
import XrayProtos

struct ScriptEnable: ScriptSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "enable", abstract: "Switch a script on, for good.",
        discussion: "It is remembered in the store, and goes before `enabled` in the configuration.")

    @OptionGroup var connection: ScriptConnectionOptions
    @Argument(help: "The script.") var name: String

    func perform(_ client: ScriptClient) async throws {
        try ScriptOrder.report(await client.setEnabled(true, name))
    }
}

struct ScriptDisable: ScriptSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "disable", abstract: "Switch a script off, for good: its schedules and runs end.")

    @OptionGroup var connection: ScriptConnectionOptions
    @Argument(help: "The script.") var name: String

    func perform(_ client: ScriptClient) async throws {
        print(ScriptReport.line(try await client.setEnabled(false, name)))
    }
}

struct ScriptReload: ScriptSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Load a script's file anew, whether it has changed or not.")

    @OptionGroup var connection: ScriptConnectionOptions
    @Argument(help: "The script.") var name: String

    func perform(_ client: ScriptClient) async throws {
        try ScriptOrder.report(await client.reload(name))
    }
}

struct ScriptKill: ScriptSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "kill", abstract: "End the runs of a script that are under way; its schedules go on.")

    @OptionGroup var connection: ScriptConnectionOptions
    @Argument(help: "The script.") var name: String

    func perform(_ client: ScriptClient) async throws {
        print("\(try await client.kill(name)) runs killed")
    }
}

private enum ScriptOrder {
    /// A script that was to run and does not is a failure.
    static func report(_ script: Tidegate_Script_V1_Script) throws {
        guard ["running", "loading"].contains(script.phase), script.error.isEmpty else {
            throw ScriptFailure(ScriptReport.line(script))
        }
        print(ScriptReport.line(script))
    }
}
