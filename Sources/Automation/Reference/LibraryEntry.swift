// SPDX-License-Identifier: Apache-2.0

/// What scripts can call or read under one name, as the reference page and a prompt's help show it.
package struct LibraryEntry: Sendable, Equatable {
    package enum Kind: String, Sendable {
        case function
        /// Called with `:` on an object; the name is `type:method`.
        case method
        case value
    }

    /// The full path: `users.add`, `schedule:cancel`, `settings`.
    package let name: String
    package let kind: Kind
    /// Arguments and results: `users.get(inbound, email) -> user | nil`.
    package let signature: String
    /// Some sentences; the first one says what it is for.
    package let text: String
    /// Lua that can be pasted.
    package let example: String
    /// Whether a call may suspend the run, so that other runs of the script go on meanwhile.
    package let waits: Bool

    /// A name with a colon is a method.
    init(
        _ name: String, _ signature: String, _ text: String, example: String = "", waits: Bool = false,
        kind: Kind? = nil
    ) {
        self.name = name
        self.kind = kind ?? (name.contains(":") ? .method : .function)
        self.signature = signature
        self.text = text
        self.waits = waits
        self.example = example.isEmpty ? LibraryExamples.byName[name] ?? "" : example
    }

    /// The table or object type that it belongs to; empty for a global.
    package var group: String {
        name.lastIndex { $0 == "." || $0 == ":" }.map { String(name[..<$0]) } ?? ""
    }

    /// The name without its group.
    package var shortName: String { group.isEmpty ? name : String(name.dropFirst(group.count + 1)) }

    /// The first sentence of the text.
    package var summary: String {
        text.firstRange(of: ". ").map { String(text[..<$0.lowerBound]) + "." } ?? text
    }
}
