// SPDX-License-Identifier: Apache-2.0

extension LibraryReference {
    /// `Scripts/REFERENCE.md`.
    package static var page: String {
        var lines = [
            "# What scripts can call", "",
            "Made by `tidegate reference --markdown` from the descriptions beside the functions; a change here is lost.",
            "[README.md](README.md) tells how scripts live. Calls raise an error that names the thing, unless they say"
                + " otherwise.",
        ]
        for section in sections {
            lines += ["", "## \(section.title)"]
            if section.title == "Events" { lines += events }
            for entry in section.entries { lines += [""] + markdown(entry) }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static var events: [String] {
        ["", "| event | fields | when |", "|---|---|---|"]
            + EventCatalog.all.map { entry in
                let fields = entry.fields.map { "`\($0)`" }.joined(separator: " ")
                return "| `\(entry.name)` | \(fields) | \(entry.text) |"
            }
    }

    private static func markdown(_ entry: LibraryEntry) -> [String] {
        var lines = ["### `\(entry.name)`", "", "```", entry.signature, "```", "", entry.text]
        if !entry.example.isEmpty { lines += ["", "```lua", entry.example, "```"] }
        return lines
    }

    /// What a terminal shows of one entry.
    package static func help(_ entry: LibraryEntry) -> String {
        var lines = [entry.signature, "", entry.text]
        if !entry.example.isEmpty {
            lines += [""] + entry.example.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }
        }
        return lines.joined(separator: "\n")
    }
}
