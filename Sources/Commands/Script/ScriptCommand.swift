// SPDX-License-Identifier: Apache-2.0
import ArgumentParser

struct ScriptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "script", abstract: "Work with automation scripts.", subcommands: [ScriptTest.self])
}
