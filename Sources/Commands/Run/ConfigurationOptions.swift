// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ProxyConfig

/// Which configuration to read: shared by `run` and `check`.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        name: [.customShort("c"), .customLong("config"), .customLong("config", withSingleDash: true)],
        help: ArgumentHelp(
            "A configuration file (JSON with comments); later files add to earlier ones. \"stdin:\" reads standard input.",
            valueName: "file"))
    var files: [String] = []

    /// Reads and checks the files; prints warnings, and on failure one line, to standard error.
    func load() throws -> CoreConfiguration {
        let files = files.isEmpty ? ["config.json"] : files
        do {
            let configuration = try ConfigurationLoader().load(files)
            for warning in configuration.warnings { CommandFailure.report("warning: \(warning)") }
            for warning in MissingParts.warnings(configuration) { CommandFailure.report("warning: \(warning)") }
            return configuration
        } catch {
            CommandFailure.report("Failed to start: \(error)")
            throw CommandFailure.badConfiguration
        }
    }
}
