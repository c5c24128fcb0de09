// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import XrayProtos

/// Lua values as a person wants to see them: lists of records in columns, other tables indented, what is long cut off.
struct ValuePrinter {
    /// Columns of the screen.
    var width = 80
    /// Rows of a table, or elements of a list, before the rest is only counted.
    var rows = 100
    /// How deep tables are shown inside tables.
    var depth = 6

    /// Columns that come first, whatever their place in the alphabet.
    private static let first = ["name", "tag", "email", "id", "inbound", "outbound", "source", "target"]
    private static let widestCell = 40

    /// Lines with their ends; nothing for no values.
    func text(_ values: [Tidegate_Script_V1_Value]) -> String {
        guard values.contains(where: { isTable($0) }) else {
            return values.isEmpty ? "" : values.map { scalar($0, isTop: true) }.joined(separator: "\t") + "\n"
        }
        return values.map { block($0) }.joined()
    }

    private func isTable(_ value: Tidegate_Script_V1_Value) -> Bool {
        if case .table? = value.value { true } else { false }
    }

    /// A value on lines of its own.
    private func block(_ value: Tidegate_Script_V1_Value) -> String {
        guard case .table(let table)? = value.value else { return scalar(value, isTop: true) + "\n" }
        if let columns = columns(table) { return columns }
        return lines(of: table, indent: 0, depth: depth).joined(separator: "\n") + "\n"
    }

    // MARK: - Columns

    /// A list of records, or a table of records by name; nil for anything else.
    private func columns(_ table: Tidegate_Script_V1_Table) -> String? {
        var records: [(key: String?, fields: [String: Tidegate_Script_V1_Value])] = []
        var isCut = false
        if table.fields.isEmpty {
            for element in table.elements {
                if case .other("…")? = element.value {
                    isCut = true
                    continue
                }
                guard let record = record(element) else { return nil }
                records.append((nil, record))
            }
        } else {
            guard table.elements.isEmpty else { return nil }
            for field in sorted(table.fields) {
                if case .other("…")? = field.value.value {
                    isCut = true
                    continue
                }
                guard let record = record(field.value) else { return nil }
                records.append((key(field.key), record))
            }
            guard records.count > 1 else { return nil }
        }
        guard !records.isEmpty else { return nil }
        let names = Set(records.flatMap(\.fields.keys)).sorted { left, right in
            let (a, b) = (Self.first.firstIndex(of: left) ?? .max, Self.first.firstIndex(of: right) ?? .max)
            return a != b ? a < b : left < right
        }
        let shown = records.prefix(rows)
        let hasKeys = records[0].key != nil
        let alignments = names.map { name -> TextTable.Alignment in
            shown.allSatisfy { isNumber($0.fields[name]) } ? .right : .left
        }
        var text = TextTable((hasKeys ? [""] : []) + names, alignments: (hasKeys ? [.left] : []) + alignments)
        for record in shown {
            let cells = names.map { name in
                record.fields[name].map { DisplayText.cut(cell($0), to: Self.widestCell) } ?? ""
            }
            text.add((record.key.map { [$0] } ?? []) + cells)
        }
        return text.text(width: width) + rest(records.count - shown.count, isCut: isCut)
    }

    /// A table in a cell shows what matters first, and no names of types.
    private func cell(_ value: Tidegate_Script_V1_Value) -> String {
        guard case .table(var table)? = value.value else { return inline(value, isTop: true, depth: 2) }
        table.fields.removeAll { $0.key.text.hasPrefix("_") }
        let (first, others) = (Self.first, table.fields.filter { !Self.first.contains($0.key.text) })
        let important = first.compactMap { name in table.fields.first { $0.key.text == name } }
        let parts = (important + sorted(others)).prefix(8).map {
            key($0.key) + " = " + inline($0.value, isTop: false, depth: 1)
        }
        guard table.elements.isEmpty else { return inline(value, isTop: false, depth: 1) }
        return parts.isEmpty ? "{}" : "{ " + parts.joined(separator: ", ") + " }"
    }

    private func record(_ value: Tidegate_Script_V1_Value) -> [String: Tidegate_Script_V1_Value]? {
        guard case .table(let table)? = value.value, table.elements.isEmpty, !table.fields.isEmpty else { return nil }
        var record: [String: Tidegate_Script_V1_Value] = [:]
        for field in table.fields {
            guard case .text(let name)? = field.key.value else { return nil }
            record[DisplayText.safe(name)] = field.value
        }
        return record
    }

    private func isNumber(_ value: Tidegate_Script_V1_Value?) -> Bool {
        switch value?.value {
        case .integer, .number: true
        case nil: value == nil
        default: false
        }
    }

    private func rest(_ count: Int, isCut: Bool) -> String {
        if isCut { return "… and more than \(count) others\n" }
        return count > 0 ? "… and \(count) more\n" : ""
    }

    // MARK: - Indented

    private func lines(of table: Tidegate_Script_V1_Table, indent: Int, depth: Int) -> [String] {
        let margin = String(repeating: " ", count: indent * 2)
        if let short = short(table, room: width - indent * 2) { return [margin + short] }
        guard depth > 0 else { return [margin + "{ … }"] }
        var lines: [String] = []
        for element in table.elements.prefix(rows) { lines += entry("", element, indent: indent + 1, depth: depth) }
        if table.elements.count > rows { lines.append("\(margin)  … and \(table.elements.count - rows) more") }
        let fields = sorted(table.fields)
        for field in fields.prefix(rows) {
            lines += entry(key(field.key) + " = ", field.value, indent: indent + 1, depth: depth)
        }
        if fields.count > rows { lines.append("\(margin)  … and \(fields.count - rows) more") }
        return [margin + "{"] + lines + [margin + "}"]
    }

    private func entry(_ name: String, _ value: Tidegate_Script_V1_Value, indent: Int, depth: Int) -> [String] {
        let margin = String(repeating: " ", count: indent * 2)
        guard case .table(let table)? = value.value else { return [margin + name + scalar(value, isTop: false)] }
        if let short = short(table, room: width - indent * 2 - DisplayText.width(name)) {
            return [margin + name + short]
        }
        var lines = lines(of: table, indent: indent, depth: depth - 1)
        lines[0] = margin + name + lines[0].drop { $0 == " " }
        return lines
    }

    /// On one line, if there is room.
    private func short(_ table: Tidegate_Script_V1_Table, room: Int) -> String? {
        guard table.elements.count + table.fields.count <= 16 else { return nil }
        let text = inline(.with { $0.table = table }, isTop: false, depth: 3)
        return DisplayText.width(text) <= max(room, 24) ? text : nil
    }

    private func inline(_ value: Tidegate_Script_V1_Value, isTop: Bool, depth: Int) -> String {
        guard case .table(let table)? = value.value else { return scalar(value, isTop: isTop) }
        if table.elements.isEmpty, table.fields.isEmpty { return "{}" }
        guard depth > 0 else { return "{ … }" }
        var parts = table.elements.prefix(20).map { inline($0, isTop: false, depth: depth - 1) }
        if table.elements.count > 20 { parts.append("…") }
        let fields = sorted(table.fields)
        parts += fields.prefix(20).map { key($0.key) + " = " + inline($0.value, isTop: false, depth: depth - 1) }
        if fields.count > 20 { parts.append("…") }
        return "{ " + parts.joined(separator: ", ") + " }"
    }

    // MARK: - Scalars

    /// At the top a string stands as it is, as `print` would show it; inside a table it is quoted.
    private func scalar(_ value: Tidegate_Script_V1_Value, isTop: Bool) -> String {
        switch value.value {
        case nil: "nil"
        case .boolean(let flag): flag ? "true" : "false"
        case .integer(let number): String(number)
        case .number(let number): Self.text(number)
        case .text(let text): isTop ? DisplayText.safe(text) : DisplayText.quoted(text)
        case .octets(let bytes): "\"" + Self.escaped(bytes) + "\""
        case .other("…"): "…"
        case .other(let name): "<\(name)>"
        case .table: "{ … }"
        }
    }

    private func key(_ value: Tidegate_Script_V1_Value) -> String {
        if case .text(let text)? = value.value {
            let isName =
                text.first?.isNumber == false
                && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
            return isName ? text : "[\(DisplayText.quoted(text))]"
        }
        return "[\(scalar(value, isTop: false))]"
    }

    private func sorted(_ fields: [Tidegate_Script_V1_Field]) -> [Tidegate_Script_V1_Field] {
        fields.map { (key($0.key), $0) }.sorted { $0.0 < $1.0 }.map(\.1)
    }

    /// As Lua writes it: a float without a fraction keeps its `.0`.
    static func text(_ number: Double) -> String {
        if number.isNaN { return "nan" }
        if number.isInfinite { return number < 0 ? "-inf" : "inf" }
        let text = String(format: "%.14g", number)
        return text.contains { ".e".contains($0) } ? text : text + ".0"
    }

    private static func escaped(_ bytes: Data) -> String {
        bytes.prefix(1024).map { byte in
            (0x20..<0x7f).contains(byte) ? String(UnicodeScalar(byte)) : String(format: "\\x%02x", byte)
        }.joined() + (bytes.count > 1024 ? "…" : "")
    }
}
