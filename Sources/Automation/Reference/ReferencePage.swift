// SPDX-License-Identifier: Apache-2.0

extension LibraryReference {
    /// `Scripts/REFERENCE.md`.
    package static var page: String {
        var lines = [
            "# What scripts can call", "",
            "Made by `tidegate reference --markdown` from the descriptions beside the functions; a change here is lost.",
            "[README.md](README.md) tells how scripts live. Calls raise an error that names the thing, unless they say"
                + " otherwise. Those that are marked so wait: other runs of the script may go on meanwhile (README.md says",
            "what that means for what is read, decided and written).",
        ]
        for section in sections + [testSection] {
            lines += ["", "## \(section.title)"]
            if section.title == "Events" { lines += events }
            for entry in section.entries { lines += [""] + markdown(entry) }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// What a terminal shows for a name: of a function, an event, a table or `events`; nil when nothing is called so.
    package static func help(for name: String) -> String? {
        var parts: [String] = []
        if let entry = entry(named: name) { parts.append(help(entry)) }
        let group = all.filter { $0.group == name }
        if !group.isEmpty { parts.append(list(group)) }
        if let event = EventCatalog.all.first(where: { $0.name == name }) {
            let fields = event.fields.isEmpty ? "none" : event.fields.joined(separator: ", ")
            parts.append("event \(event.name)\n\n\(event.text)\n\nFields beside `name`: \(fields).")
        }
        if name == "events" || name == "on" || name == "events.wait" { parts.append(eventList) }
        if parts.isEmpty, let entry = testSection.entries.first(where: { $0.name == name }) {
            parts.append("In tests of scripts (`tidegate script test`):\n\n" + help(entry))
        }
        return parts.isEmpty ? nil : parts.joined(separator: "\n\n")
    }

    /// A function on two lines: how it is called, and its first sentence.
    package static func list(_ entries: [LibraryEntry]) -> String {
        entries.map { "\($0.signature)\($0.waits ? "   (waits)" : "")\n    \($0.summary)" }.joined(separator: "\n")
    }

    private static var eventList: String {
        let names = EventCatalog.all.map { event in
            let fields = event.fields.isEmpty ? "" : " { \(event.fields.joined(separator: ", ")) }"
            return "    \(event.name)\(fields)"
        }
        return (["Events, with the fields that they have beside `name`:"] + names).joined(separator: "\n")
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
        if entry.waits { lines += ["", "*Waits:* other runs of the script may go on meanwhile."] }
        if !entry.example.isEmpty { lines += ["", "```lua", entry.example, "```"] }
        return lines
    }

    /// What a terminal shows of one entry.
    package static func help(_ entry: LibraryEntry) -> String {
        var lines = [entry.signature, "", entry.text]
        if entry.waits { lines += ["", "Waits: other runs of the script may go on meanwhile."] }
        if !entry.example.isEmpty {
            lines += [""] + entry.example.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }
        }
        return lines.joined(separator: "\n")
    }
}
