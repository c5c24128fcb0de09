// SPDX-License-Identifier: Apache-2.0
import ArgumentParser

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Build everything that a configuration describes, open nothing, and say whether it is good.",
        discussion: "Exit status 0 for a good configuration, 23 for a bad one. The same as `run -test`.")

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        try ProxyService.check(options.load())
        print("Configuration OK.")
    }
}
