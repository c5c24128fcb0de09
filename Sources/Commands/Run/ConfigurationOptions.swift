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

    /// The files, by default `config.json`.
    var paths: [String] { files.isEmpty ? ["config.json"] : files }

    /// Reads and checks the files; prints warnings, and on failure one line, to standard error.
    func load() throws -> CoreConfiguration {
        do {
            let configuration = try ConfigurationLoader().load(paths)
            for warning in configuration.warnings { CommandFailure.report("warning: \(warning)") }
            for warning in MissingParts.warnings(configuration) { CommandFailure.report("warning: \(warning)") }
            return configuration
        } catch {
            CommandFailure.report("Failed to start: \(error)")
            throw CommandFailure.badConfiguration
        }
    }
}
