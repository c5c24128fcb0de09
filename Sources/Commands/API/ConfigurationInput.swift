// SPDX-License-Identifier: Apache-2.0
import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A configuration that a command is given: a path, an http(s) address, or `stdin:`.
struct ConfigurationInput {
    /// As it is named in errors.
    let name: String
    let text: String

    /// The inputs that arguments name; without any, `prompt` is printed and standard input is read.
    static func read(_ arguments: [String], prompt: String, _ session: APISession) throws -> [ConfigurationInput] {
        if arguments.isEmpty { session.printLine(prompt) }
        return try (arguments.isEmpty ? ["stdin:"] : arguments).map { try read($0, session) }
    }

    static func read(_ argument: String, _ session: APISession) throws -> ConfigurationInput {
        let data: Data
        do {
            if argument == "stdin:" {
                data = try session.console.input()
            } else if argument.hasPrefix("http://") || argument.hasPrefix("https://"), let url = URL(string: argument) {
                data = try Data(contentsOf: url)
            } else {
                data = try Data(contentsOf: URL(fileURLWithPath: argument))
            }
        } catch {
            throw APIFailure("failed to read \(argument): \(error.localizedDescription)")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw APIFailure("failed to read \(argument): not UTF-8")
        }
        return ConfigurationInput(name: argument, text: text)
    }
}
