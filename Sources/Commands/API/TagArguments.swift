// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Arguments of which each is a configuration that names tags, or a tag itself.
enum TagArguments {
    /// An argument that can be read as a file (or is `stdin:` or an address) is a configuration; `tags` takes its tags out.
    static func read(
        _ arguments: [String], _ session: APISession, tags: (ConfigurationInput) throws -> [String]
    ) throws -> [String] {
        if arguments.isEmpty {
            return try ConfigurationInput.read([], prompt: "reading from stdin:", session).flatMap(tags)
        }
        return try arguments.flatMap { argument in
            let isConfiguration =
                argument == "stdin:" || argument.hasPrefix("http://") || argument.hasPrefix("https://")
                || FileManager.default.isReadableFile(atPath: argument)
            return isConfiguration ? try tags(ConfigurationInput.read(argument, session)) : [argument]
        }
    }
}
