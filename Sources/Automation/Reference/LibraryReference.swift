// SPDX-License-Identifier: Apache-2.0

/// Everything that scripts can call, described. A test holds it against what is registered in a state.
package enum LibraryReference {
    /// A heading of the reference page with what stands under it.
    package struct Section: Sendable {
        package let title: String
        package let entries: [LibraryEntry]
    }

    package static let sections: [Section] = [
        Section(title: "Schedules", entries: Library.scheduleReference + Library.taskReference),
        Section(title: "Events", entries: Library.eventReference),
        Section(title: "Users", entries: Library.userReference),
        Section(title: "Inbounds, outbounds, rules", entries: Library.listReference + Library.handlerReference),
        Section(title: "Flows", entries: Library.flowReference),
        Section(title: "Statistics", entries: Library.statsReference),
        Section(title: "Log", entries: Library.logReference),
        Section(title: "What a script remembers", entries: Library.storeReference),
        Section(title: "Files", entries: Library.fileReference),
        Section(title: "Time and amounts", entries: Library.timeReference),
        Section(title: "Addresses", entries: Library.addressReference),
        Section(title: "Text and data", entries: Library.jsonReference + Library.hashReference),
        Section(title: "Requests to other services", entries: Library.httpReference),
        Section(title: "The script itself", entries: Library.scriptReference),
        Section(title: "The API's calls", entries: Library.operationReference),
    ]

    /// In the order of the page.
    package static let all: [LibraryEntry] = sections.flatMap(\.entries)

    /// The names of what may suspend a run.
    package static let waiting = Set(all.filter(\.waits).map(\.name))

    private static let byName = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

    /// The entry of exactly this name; `.` and `:` before a method are the same.
    package static func entry(named name: String) -> LibraryEntry? {
        if let entry = byName[name] { return entry }
        guard let dot = name.lastIndex(of: ".") else { return nil }
        return byName[name[..<dot] + ":" + name[name.index(after: dot)...]]
    }

    /// The entries whose names begin with `prefix`, by name.
    package static func entries(prefix: String) -> [LibraryEntry] {
        all.filter { $0.name.hasPrefix(prefix) }.sorted { $0.name < $1.name }
    }
}
