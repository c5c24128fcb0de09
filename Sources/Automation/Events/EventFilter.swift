// SPDX-License-Identifier: Apache-2.0
import LuaRuntime
import ProxyModel

/// Which events a subscription is for: a name, in which `*` stands for any text, and what the fields must be.
struct EventFilter: Sendable {
    private enum Condition: Sendable {
        case text(Glob)
        case number(Int64)
        case level(LogLevel)
        case any([Condition])
    }

    /// As the script gave it.
    let pattern: String
    /// The names that are meant.
    let names: Set<String>
    let topics: CoreEvent.Topics
    /// The names of scripts' events that are meant.
    private let scriptNames: Glob?
    private let conditions: [(field: String, condition: Condition)]

    /// How the names of events begin that scripts raise.
    static let ofScripts = "script."

    /// Refuses a name that no event has, and a field that none of the events meant has.
    init(_ pattern: String, _ table: LuaTable = LuaTable()) throws(LuaError) {
        self.pattern = pattern
        let glob = Glob(pattern)
        if pattern.hasPrefix(Self.ofScripts) {
            // Their names and fields are their scripts' own.
            (names, topics, scriptNames) = ([], .scripts, glob)
            guard table.array.isEmpty else { throw LuaError("\(pattern): a filter is a table of fields by name") }
            var own: [(field: String, condition: Condition)] = []
            for (key, value) in table.fields { own.append((key.text, try Self.condition(key.text, value))) }
            conditions = own
            return
        }
        scriptNames = nil
        let entries = EventCatalog.all.filter {
            glob.matches($0.name) && $0.topic != .scripts && (pattern == $0.name || !$0.topic.isEmpty)
        }
        guard !entries.isEmpty else {
            let known = EventCatalog.all.map(\.name).joined(separator: ", ")
            throw LuaError("there is no event \"\(pattern)\"; there are: \(known)")
        }
        names = Set(entries.map(\.name))
        topics = entries.reduce(into: []) { $0.formUnion($1.topic) }
        guard table.array.isEmpty else { throw LuaError("\(pattern): a filter is a table of fields by name") }
        let known = Set(entries.flatMap(\.fields))
        var conditions: [(field: String, condition: Condition)] = []
        for (key, value) in table.fields {
            guard let field = key.string, known.contains(field) else {
                let names = known.sorted().joined(separator: ", ")
                throw LuaError("\(pattern) has no field '\(key.text)'; it has: \(names.isEmpty ? "none" : names)")
            }
            conditions.append((field, try Self.condition(field, value)))
        }
        self.conditions = conditions
    }

    private static func condition(_ field: String, _ value: LuaValue) throws(LuaError) -> Condition {
        switch value {
        case .string(let text) where field == "level":
            guard let level = LogLevel.allCases.first(where: { $0.label.lowercased() == text }), level != .none else {
                throw LuaError("level: \"\(text)\" is not one of error, warning, info, debug")
            }
            return .level(level)
        case .string(let text): return .text(Glob(field == "email" ? text.lowercased() : text))
        case .integer(let number): return .number(number)
        case .table(let table) where table.fields.isEmpty && !table.array.isEmpty:
            var any: [Condition] = []
            for element in table.array { any.append(try condition(field, element)) }
            return .any(any)
        default: throw LuaError("\(field): a text, a number or a list of them expected, got \(value.typeName)")
        }
    }

    func matches(_ event: ScriptEvent) -> Bool {
        (scriptNames?.matches(event.name) ?? names.contains(event.name))
            && conditions.allSatisfy { item in
                event[item.field].map { Self.holds(item.condition, $0, item.field) } ?? false
            }
    }

    private static func holds(_ condition: Condition, _ value: LuaValue, _ field: String) -> Bool {
        switch (condition, value) {
        case (.text(let glob), .string(let text)): glob.matches(field == "email" ? text.lowercased() : text)
        case (.number(let number), .integer(let value)): number == value
        case (.level(let level), .string(let text)):
            LogLevel.allCases.contains { $0.label.lowercased() == text && $0 <= level }
        case (.any(let conditions), _): conditions.contains { holds($0, value, field) }
        case (_, .table(let list)): list.array.contains { holds(condition, $0, field) }
        default: false
        }
    }
}
