// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Automation

struct ReferenceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference", abstract: "What scripts can call.",
        discussion: """
            Without a name: all functions, a line for each. With one (users.add): its description; with the name of a table \
            (users): all that is in it.
            """)

    @Argument(help: "A function, or a table of functions.")
    var name: String?

    @Flag(help: "Print the whole reference as Markdown.")
    var markdown = false

    func run() throws {
        if markdown {
            print(LibraryReference.page, terminator: "")
            return
        }
        guard let name else { return print(Self.list(LibraryReference.all)) }
        if let entry = LibraryReference.entry(named: name) { return print(LibraryReference.help(entry)) }
        let entries = LibraryReference.all.filter { $0.group == name }
        guard !entries.isEmpty else {
            throw ValidationError("there is no function \"\(name)\"; `tidegate reference` lists all")
        }
        print(Self.list(entries))
    }

    private static func list(_ entries: [LibraryEntry]) -> String {
        entries.map { "\($0.signature)\n    \($0.summary)" }.joined(separator: "\n")
    }
}
