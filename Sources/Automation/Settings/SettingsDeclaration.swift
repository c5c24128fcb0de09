// SPDX-License-Identifier: Apache-2.0
import LuaRuntime

/// One setting that a script declares.
struct Setting: Sendable, Equatable {
    var name: String
    var type: SettingType
    var isRequired = false
    /// As declared; nil for none.
    var fallback = LuaValue.nil
    var doc = ""
}

/// The settings that a script declares at its top, in the order of their names.
struct SettingsDeclaration: Sendable, Equatable {
    var settings: [Setting] = []

    /// The values for the script: those given, checked and converted, and defaults for the rest. Unknown names, missing required ones
    /// and values of a wrong type are added to `faults`, each by the name of its setting after `prefix`.
    func values(from given: LuaTable, at prefix: String = "", _ faults: inout [SettingFault]) -> LuaTable {
        var values = LuaTable()
        for setting in settings {
            let path = prefix + setting.name
            let value = given[setting.name]
            if !value.isNil {
                values[setting.name] = setting.type.value(of: value, at: path, &faults)
            } else if setting.isRequired {
                faults.append(SettingFault(path: path, problem: "missing; \(setting.type.expectation) is expected"))
            } else if !setting.fallback.isNil {
                values[setting.name] = setting.type.value(of: setting.fallback, at: path, &faults)
            }
        }
        for key in given.fields.keys.map(\.text).sorted() where !settings.contains(where: { $0.name == key }) {
            let known = settings.map(\.name).joined(separator: ", ")
            faults.append(
                SettingFault(path: prefix + key, problem: "there is no such setting; there are: \(known)"))
        }
        if let first = given.array.first {
            faults.append(
                SettingFault(path: "\(prefix)[1]", problem: "settings have names, found \(first.settingText)"))
        }
        return values
    }
}

/// Reading a declaration: what is wrong here is the script author's mistake.
extension SettingsDeclaration {
    private static let known: Set<String> = [
        "type", "of", "default", "doc", "required", "min", "max", "also", "fields",
    ]
    private static let deepest = 8

    init(_ table: LuaTable, depth: Int = 0) throws(LuaError) {
        guard table.array.isEmpty else { throw LuaError("settings: each needs a name: name = { type = … }") }
        for key in table.fields.keys.sorted(by: { $0.text < $1.text }) {
            guard let name = key.string else { throw LuaError("settings: \(key.text) is no name of a setting") }
            settings.append(try Self.setting(name, table[name], depth))
        }
    }

    private static func setting(_ name: String, _ value: LuaValue, _ depth: Int) throws(LuaError) -> Setting {
        var setting = Setting(name: name, type: try type(name, value, depth))
        guard let table = value.table else { return setting }
        setting.isRequired = try field(table, "required", name, "boolean", \.boolean) ?? false
        setting.doc = try field(table, "doc", name, "text", \.string) ?? ""
        setting.fallback = table["default"]
        guard !setting.fallback.isNil else { return setting }
        guard !setting.isRequired else { throw LuaError("settings: \(name): required, so it has no default") }
        var faults: [SettingFault] = []
        _ = setting.type.value(of: setting.fallback, at: "\(name): default", &faults)
        if let fault = faults.first { throw LuaError("settings: \(fault)") }
        return setting
    }

    /// `"size"`, or `{ type = "size", … }`.
    private static func type(_ name: String, _ value: LuaValue, _ depth: Int) throws(LuaError) -> SettingType {
        guard depth < deepest else { throw LuaError("settings: \(name): nested deeper than \(deepest)") }
        let table = value.table ?? LuaTable(fields: ["type": value])
        if let odd = table.fields.keys.map(\.text).sorted().first(where: { !known.contains($0) }) {
            let names = known.sorted().joined(separator: ", ")
            throw LuaError("settings: \(name): there is no \"\(odd)\" in a declaration; there are: \(names)")
        }
        guard let word = table["type"].string else { throw LuaError("settings: \(name): type is missing") }
        var type = SettingType(kind: try kind(word, table, name, depth))
        type.least = try bound(table["min"], of: type, "min", name)
        type.most = try bound(table["max"], of: type, "max", name)
        if !table["also"].isNil {
            guard let words = words(table["also"]) else {
                throw LuaError("settings: \(name): also: words are expected")
            }
            type.also = words
        }
        return type
    }

    private static func kind(
        _ word: String, _ table: LuaTable, _ name: String, _ depth: Int
    ) throws(LuaError) -> SettingType.Kind {
        let simple: [String: SettingType.Kind] = [
            "string": .string, "integer": .integer, "number": .number, "boolean": .boolean, "size": .size,
            "duration": .duration, "cron": .cron, "zone": .zone, "date": .date,
        ]
        if let kind = simple[word] { return kind }
        switch word {
        case "choice":
            guard let words = words(table["of"]), words.count > 1 else {
                throw LuaError("settings: \(name): of = { … } with the words to choose from is missing")
            }
            return .choice(words)
        case "list", "map":
            guard !table["of"].isNil else {
                throw LuaError("settings: \(name): of, the type of its values, is missing")
            }
            let type = try type("\(name).of", table["of"], depth + 1)
            return word == "list" ? .list(type) : .map(type)
        case "record":
            guard let fields = table["fields"].table, !fields.isEmpty else {
                throw LuaError("settings: \(name): fields = { … } is missing")
            }
            return .record(try SettingsDeclaration(fields, depth: depth + 1))
        default:
            let names = (simple.keys.sorted() + ["choice", "list", "map", "record"]).joined(separator: ", ")
            throw LuaError("settings: \(name): there is no type \"\(word)\"; there are: \(names)")
        }
    }

    private static func bound(
        _ value: LuaValue, of type: SettingType, _ word: String, _ name: String
    ) throws(LuaError) -> Double? {
        guard !value.isNil else { return nil }
        var faults: [SettingFault] = []
        guard let bound = SettingType(kind: type.kind).value(of: value, at: "\(name): \(word)", &faults).number else {
            throw LuaError("settings: \(name): \(word) is not a value of the type \(type.text)")
        }
        return bound
    }

    private static func words(_ value: LuaValue) -> [String]? {
        if let word = value.string { return [word] }
        guard let table = value.table, table.fields.isEmpty, !table.isEmpty else { return nil }
        let words = table.array.compactMap(\.string)
        return words.count == table.array.count ? words : nil
    }

    private static func field<Value>(
        _ table: LuaTable, _ word: String, _ name: String, _ type: String, _ path: KeyPath<LuaValue, Value?>
    ) throws(LuaError) -> Value? {
        guard !table[word].isNil else { return nil }
        guard let value = table[word][keyPath: path] else { throw LuaError("settings: \(name): \(word) is no \(type)") }
        return value
    }
}
