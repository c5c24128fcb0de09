// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import LuaRuntime
import ProxyModel

extension Library {
    /// `log.debug(...)`, `log.info(...)`, `log.warning(...)`, `log.error(...)`: the values joined by blanks, as one line of the
    /// core's error log that begins with `script/NAME: `.
    ///
    /// `log.files()` lists the files of the core's logs, `log.rotate{ keep = 7, log = "access" }` renames them and begins new ones.
    static func installLog(in state: LuaState, for script: ScriptInstance) throws {
        let control = script.context.control
        let caller = script.caller
        try state.register("log.files") { call in
            push(control.logFiles(), on: call)
            return 1
        }
        try state.register("log.rotate") { call in
            let table = try call.options(1, ["keep", "log"])
            let log = try table.text("log")
            guard let keep = table["keep"].integer, (1...1000).contains(keep) else {
                throw LuaError("log.rotate: keep: a number from 1 to 1000 expected, got \(table["keep"].text)")
            }
            guard log == nil || log == "error" || log == "access" else {
                throw LuaError("log.rotate: log: error or access expected, got \"\(log ?? "")\"")
            }
            return try perform(call, script) {
                let files = try await control.rotateLogs(log, keep: Int(keep), by: caller)
                return ScriptAnswer { call in
                    push(files, on: call)
                    return 1
                }
            }
        }
        let levels: [(String, LogLevel)] = [
            ("debug", .debug), ("info", .info), ("warning", .warning), ("error", .error),
        ]
        for (name, level) in levels {
            try state.register("log.\(name)") { call in
                script.say(level, try line(call))
                return 0
            }
        }
    }

    private static func push(_ files: [LogFile], on call: LuaCall) {
        call.beginTable(array: files.count)
        for (index, file) in files.enumerated() {
            call.beginTable(fields: 3)
            call.setField("path", file.path)
            call.setField("size", file.size)
            call.setField("logs", .table(LuaTable(array: file.logs.map { .string($0) })))
            call.endElement(index + 1)
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
                "log.files", "log.files() -> list", "The files of the core's logs: `{ path, size, logs }`."),
            LibraryEntry(
                "log.rotate", "log.rotate{ keep [, log] } -> list",
                """
                Gives the files of the core's logs (of one of them: `error`, `access`) the name `PATH.1`, what had that name \
                `PATH.2` and so on, of which `keep` stay, and goes on with new files. No line is lost. Tells what was renamed.
                """,
                example: #"cron("@daily", function() log.rotate{ keep = 7 } end)"#, waits: true),
            LibraryEntry(
                "log.restart", "log.restart() -> true | nil, message",
                "Opens the log files anew by their names, after they were renamed.", waits: true),
            LibraryEntry(
                "print", "print(...)", "Writes the values, joined by tabs, as a line of level info to the log."),
        ]
}
