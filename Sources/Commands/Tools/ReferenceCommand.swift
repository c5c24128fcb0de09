// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Automation

struct ReferenceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference", abstract: "What scripts can call.",
        discussion: """
            Without a name: all functions, a line for each. With one (users.add): its description; with the name of a table \
            (users): all that is in it; with that of an event (user.online), or `events`: when it comes and what it tells. The \
            functions that tests of scripts have (advance, expect) are found by name, too.
            """)

    @Argument(help: "A function, a table of functions, or an event.")
    var name: String?

    @Flag(help: "Print the whole reference as Markdown.")
    var markdown = false

    func run() throws {
        if markdown {
            print(LibraryReference.page, terminator: "")
            return
        }
        guard let name else { return print(LibraryReference.list(LibraryReference.all)) }
        guard let text = LibraryReference.help(for: name) else {
            throw ValidationError(
                "there is no function or event \"\(DisplayText.safe(name))\"; `tidegate reference` lists all")
        }
        print(text)
    }
}
