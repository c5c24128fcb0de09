// SPDX-License-Identifier: Apache-2.0
import LuaRuntime
import ProxyModel

extension Library {
    /// `log.debug(...)`, `log.info(...)`, `log.warning(...)`, `log.error(...)`: the values joined by blanks, as one line of the
    /// core's error log that begins with `script/NAME: `.
    static func installLog(in state: LuaState, for script: ScriptInstance) throws {
        let levels: [(String, LogLevel)] = [
            ("debug", .debug), ("info", .info), ("warning", .warning), ("error", .error),
        ]
        for (name, level) in levels {
            try state.register("log.\(name)") { call in
                script.log(level, try line(call))
                return 0
            }
        }
    }

    private static func line(_ call: LuaCall) throws -> String {
        guard call.count > 0 else { return "" }
        let words = try (1...call.count).map { index -> String in
            switch call.isTable(index) ? LuaValue.table(try call.table(index)) : try call.value(index) {
            case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
            case .table(let table): (try? LuaJSON.encode(.table(table))) ?? "table"
            case let value: value.text
            }
        }
        let text = words.joined(separator: " ").prefix(8192)
        // One call is one line, whatever it says.
        return String(text.map { $0.isNewline ? " " : $0 })
    }
}

extension Library {
    static let logReference: [LibraryEntry] =
        ["debug", "info", "warning", "error"].map { level in
            LibraryEntry(
                "log.\(level)", "log.\(level)(...)",
                "Writes the values, joined by blanks, as one line of level \(level) to the core's error log.")
        } + [
            LibraryEntry(
                "print", "print(...)", "Writes the values, joined by tabs, as a line of level info to the log.")
        ]
}
