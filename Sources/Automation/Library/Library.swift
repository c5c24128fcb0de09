// SPDX-License-Identifier: Apache-2.0
import LuaRuntime

/// Everything that scripts can call. One file per subject.
///
/// Besides the functions there is `core.session`, a text that is another one in each process: counters begin at 0 with it.
enum Library {
    static func install(in state: LuaState, for script: ScriptInstance) throws {
        try installSchedules(in: state, for: script)
        try installTasks(in: state, for: script)
        try installEvents(in: state, for: script)
        try installLog(in: state, for: script)
        try installTime(in: state, for: script)
        try installJSON(in: state)
        try installAddresses(in: state)
        try installHash(in: state)
        try installHTTP(in: state, for: script)
        try installStore(in: state, for: script)
        try installFiles(in: state, for: script)
        try installOperations(in: state, for: script)
        try installStats(in: state, for: script)
        try installUsers(in: state, for: script)
        try installLists(in: state, for: script)
        try installHandlers(in: state, for: script)
        try installFlows(in: state, for: script)
        try state.define("core.session", .string(script.context.session))
        try installSettings(in: state, for: script)
        try script.context.installMore(state, script)
    }

    /// Registers a function that asks or changes the core: its calls are counted and limited.
    static func register(
        call path: String, in state: LuaState, for script: ScriptInstance, _ body: @escaping LuaHostBody
    ) throws {
        try state.register(path) { [unowned script] call in
            try script.countCall()
            return try body(call)
        }
    }

    /// Answers with a wait, unless the caller is inside a transaction. Refused to a function whose description does not say
    /// ``LibraryEntry/waits``, so that the reference cannot forget one.
    static func wait(_ call: LuaCall, _ script: ScriptInstance, _ wait: ScriptWait) throws -> LuaReturn {
        let path = call.path
        guard LibraryReference.waiting.contains(path) else { throw LuaError("\(path): is not described as waiting") }
        guard script.transaction == nil else {
            throw LuaError("\(path): waiting is not possible inside store.transaction")
        }
        return .yield(wait)
    }

    static func perform(
        _ call: LuaCall, _ script: ScriptInstance, _ operation: @escaping @Sendable () async throws -> ScriptAnswer
    ) throws -> LuaReturn {
        try wait(call, script, .perform(operation))
    }
}

extension LuaCall {
    /// The options at an argument: a table with no other fields than these, or nothing.
    func options(_ argument: Int, _ known: Set<String>) throws -> LuaTable {
        guard let table = try optionalTable(argument) else { return LuaTable() }
        guard table.array.isEmpty else { throw argumentError(argument, "options by name expected") }
        for key in table.fields.keys {
            guard let name = key.string, known.contains(name) else {
                let names = known.sorted().joined(separator: ", ")
                throw argumentError(argument, "unknown option '\(key.text)', known are: \(names)")
            }
        }
        return table
    }

    /// A duration: text such as "1h30m", or seconds.
    func duration(_ argument: Int) throws -> Duration {
        guard isString(argument) else {
            let seconds = try number(argument)
            guard seconds >= 0, seconds <= 3e9 else { throw argumentError(argument, "not a duration in seconds") }
            return .nanoseconds(Int64(seconds * 1e9))
        }
        return try Duration(parsing: try string(argument))
    }
}

extension LuaTable {
    /// The text of a field; nil when it is absent, an error when it is something else.
    func text(_ name: String) throws -> String? {
        switch self[name] {
        case .nil: return nil
        case .string(let text): return text
        case let other: throw LuaError("\(name): string expected, got \(other.typeName)")
        }
    }

    func flag(_ name: String) throws -> Bool {
        switch self[name] {
        case .nil: return false
        case .boolean(let value): return value
        case let other: throw LuaError("\(name): boolean expected, got \(other.typeName)")
        }
    }
}

extension LuaValue {
    /// For messages.
    var text: String {
        switch self {
        case .string(let value): value
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .boolean(let value): "\(value)"
        default: typeName
        }
    }
}

extension Library {
    static let scriptReference: [LibraryEntry] = [
        LibraryEntry(
            "settings", "settings | settings(declaration) -> values",
            """
            The script's table from the configuration. Called with a declaration of names and types at its top, \
            it gives the checked values, with defaults; a setting that does not fit keeps the script from being \
            loaded. Sizes arrive in bytes, durations in seconds. Each name has a type, `every = "duration"`, or a table \
            with a `type` and more: `default`, what it is when it is left out; `required = true`, that it must not be; \
            `min` and `max` of numbers, sizes and durations; `also`, words that may stand in place of a value; `of`, the \
            words of a choice, or the type of what is in a list or map; `fields`, the declaration of a record; `doc`. \
            Types: `string`, `boolean`, `integer`, `number`, `size`, `duration`, `cron`, `zone`, `date`, `choice`, `list`, \
            `map`, `record`.
            """,
            example: """
                local settings = settings {
                    plan = { type = "size", default = "50GB", also = "unlimited", doc = "for everybody" },
                    window = { type = "choice", of = { "day", "month" }, default = "month" },
                    plans = { type = "map", of = "size", default = {}, doc = "by e-mail" },
                }
                """,
            kind: .value),
        LibraryEntry(
            "core.session", "core.session",
            "A text that is another one in each process: counters begin at 0 with it.", kind: .value),
        LibraryEntry(
            "require", "require(name) -> value",
            "Loads a module from the script's folder once: `lib.text` is `lib/text.lua` beside the script.",
            example: #"local text = require("lib.text")"#),
        LibraryEntry(
            "stream:next", "stream:next() -> answer | nil", "Waits for a stream's next answer; nil at its end.",
            waits: true),
        LibraryEntry("stream:close", "stream:close()", "Ends a stream; it may be a `<close>` variable, too."),
    ]
}
