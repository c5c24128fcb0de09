// SPDX-License-Identifier: Apache-2.0
import Foundation
import LuaRuntime

/// What a script's setting may hold, and how it is read from the configuration.
struct SettingType: Sendable, Equatable {
    indirect enum Kind: Sendable, Equatable {
        case string
        case integer
        case number
        case boolean
        /// Bytes; text such as `50GB`, or a number.
        case size
        /// Seconds; text such as `1h30m`, or a number.
        case duration
        case cron
        case zone
        /// `2026-03-31` or `2026-03-31 18:00`; which instant that is depends on a zone.
        case date
        case choice([String])
        case list(SettingType)
        /// Values by a name that is the user's own.
        case map(SettingType)
        /// Values by names that are declared in turn.
        case record(SettingsDeclaration)
    }

    var kind: Kind
    /// Bounds of integers, numbers, sizes (bytes) and durations (seconds).
    var least: Double?
    var most: Double?
    /// Words that may stand instead of a value, and reach the script as they are.
    var also: [String] = []

    /// `map of size`, `choice of hour, day`.
    var text: String {
        switch kind {
        case .string: "string"
        case .integer: "integer"
        case .number: "number"
        case .boolean: "boolean"
        case .size: "size"
        case .duration: "duration"
        case .cron: "cron"
        case .zone: "zone"
        case .date: "date"
        case .choice(let words): "choice of \(words.joined(separator: ", "))"
        case .list(let type): "list of \(type.text)"
        case .map(let type): "map of \(type.text)"
        case .record(let declaration): "record of \(declaration.settings.map(\.name).joined(separator: ", "))"
        }
    }

    /// What a message says of a value that is something else.
    var expectation: String {
        let value =
            switch kind {
            case .string: "a text"
            case .integer: "an integer"
            case .number: "a number"
            case .boolean: "true or false"
            case .size: "a size such as \"50GB\""
            case .duration: "a duration such as \"1h30m\""
            case .cron: "a cron expression such as \"0 3 * * *\""
            case .zone: "a time zone such as \"Europe/Berlin\""
            case .date: "a date such as \"2026-03-31\" or \"2026-03-31 18:00\""
            case .choice(let words): words.map { "\"\($0)\"" }.joined(separator: " or ")
            case .list: "a list"
            case .map, .record: "a table of values by name"
            }
        return ([value + bounds] + also.map { "\"\($0)\"" }).joined(separator: " or ")
    }

    private var bounds: String {
        switch (least.map(amount), most.map(amount)) {
        case (let least?, let most?): " from \(least) to \(most)"
        case (let least?, nil): " of at least \(least)"
        case (nil, let most?): " of at most \(most)"
        case (nil, nil): ""
        }
    }

    private func amount(_ value: Double) -> String {
        switch kind {
        case .size: ByteSize.text(Int64(exactly: value.rounded()) ?? .max)
        case .duration: Duration.seconds(value).text
        default: Int64(exactly: value).map { "\($0)" } ?? "\(value)"
        }
    }
}

/// A value that is not of its setting's type.
struct SettingFault: Sendable, Equatable, CustomStringConvertible {
    /// `plans["a@example.com"]`.
    var path: String
    var problem: String

    var description: String { "\(path): \(problem)" }

    static func wrong(_ path: String, _ type: SettingType, found value: LuaValue, _ detail: String = "") -> SettingFault
    {
        let found = value.isNil ? "nothing" : value.settingText
        return SettingFault(path: path, problem: "\(type.expectation) is expected, found \(found)\(detail)")
    }
}

extension SettingType {
    /// The value as the script gets it: sizes in bytes, durations in seconds, all else as it was given. What does not fit is added to
    /// `faults`.
    func value(of given: LuaValue, at path: String, _ faults: inout [SettingFault]) -> LuaValue {
        if let word = given.string, also.contains(word) { return given }
        switch kind {
        case .list(let type):
            guard let table = given.table, table.fields.isEmpty else { break }
            let items = table.array.enumerated().map { type.value(of: $1, at: "\(path)[\($0 + 1)]", &faults) }
            return .table(LuaTable(array: items))
        case .map(let type):
            guard let table = given.table, table.array.isEmpty else { break }
            var result = LuaTable()
            for name in table.names { result[name] = type.value(of: table[name], at: "\(path)[\"\(name)\"]", &faults) }
            return .table(result)
        case .record(let declaration):
            guard let table = given.table, table.array.isEmpty else { break }
            return .table(declaration.values(from: table, at: "\(path).", &faults))
        default:
            do {
                if let value = try scalar(given), isWithinBounds(value) { return value }
            } catch {
                faults.append(.wrong(path, self, found: given, " (\(error))"))
                return .nil
            }
        }
        faults.append(.wrong(path, self, found: given))
        return .nil
    }

    private func isWithinBounds(_ value: LuaValue) -> Bool {
        guard let number = value.number else { return true }
        return number >= least ?? -.infinity && number <= most ?? .infinity
    }

    /// Nil for a value of another type, an error for text that cannot be read.
    private func scalar(_ given: LuaValue) throws(AutomationError) -> LuaValue? {
        // `nil` alone would be Lua's.
        let none = LuaValue?.none
        switch kind {
        case .string: return given.string == nil ? none : given
        case .integer: return given.integer.map { .integer($0) }
        case .number: return given.number == nil ? none : given
        case .boolean: return given.boolean == nil ? none : given
        case .size:
            if let bytes = given.integer { return bytes >= 0 ? .integer(bytes) : none }
            guard let text = given.string else { return none }
            return .integer(try ByteSize.parse(text))
        case .duration:
            if let seconds = given.number { return seconds >= 0 && seconds <= 3e9 ? given : none }
            guard let text = given.string else { return none }
            let seconds = try Duration(parsing: text).seconds
            return Int64(exactly: seconds).map { .integer($0) } ?? .number(seconds)
        case .cron:
            guard let text = given.string else { return none }
            _ = try Trigger(cron: text)
            return given
        case .zone:
            guard let name = given.string, (try? Library.timeZone(name)) != nil else { return none }
            return given
        case .date:
            guard let text = given.string, CivilTime(parsing: text) != nil else { return none }
            return given
        case .choice(let words):
            guard let word = given.string, words.contains(word) else { return none }
            return given
        case .list, .map, .record: return none
        }
    }
}

extension LuaValue {
    /// As messages show it: text in quotes, tables in short.
    var settingText: String {
        switch self {
        case .string(let text): "\"\(text.prefix(80))\""
        case .table(let table): table.isEmpty ? "{}" : table.array.isEmpty ? "a table of values by name" : "a list"
        default: text
        }
    }
}
