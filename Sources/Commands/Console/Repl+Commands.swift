// SPDX-License-Identifier: Apache-2.0
import Automation
import ControlAPI
import Foundation
import ScriptAPI
import XrayProtos

/// The commands of the prompt, which begin with a colon.
extension Repl {
    static let commands = [":doc", ":help", ":load", ":log", ":quit", ":script", ":watch"]

    private static let help = """
        Type Lua: an expression shows its values, a statement runs. Everything that scripts can call is there.
        Globals stay from line to line, locals do not. A statement may go on over several lines.

          :doc [NAME]             what scripts can call, or one function (:doc users.add), table (:doc users)
                                  or event (:doc user.online, :doc events)
          :watch INTERVAL EXPR    evaluate again and again (:watch 1s users.traffic("a@example.com")) until Ctrl-C
          :load FILE              run a file of Lua
          :script                 the scripts; :script NAME shows one,
                                  :script run|enable|disable|reload|kill NAME does that to it
          :log [NAME]             the last lines that the scripts, or one of them, have logged
          :help, :quit

        Tab completes names, fields, and in strings tags, e-mails and counters. Up and Ctrl-R find earlier lines.
        Ctrl-C stops what runs, Ctrl-D ends the session.

        """

    /// - Returns: False when the session is to end.
    func perform(_ line: String) async -> Bool {
        let words = line.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
        let rest = line.drop { $0 != " " }.trimmingCharacters(in: .whitespaces)
        switch words.first {
        case ":q", ":quit", ":exit": return false
        case ":help", ":h", ":?", ":": screen.write(Self.help)
        case ":doc": document(rest)
        case ":watch": await watch(rest)
        case ":load": await load(rest)
        case ":script", ":scripts": await script(Array(words.dropFirst()))
        case ":log", ":logs": await log(words.dropFirst().first ?? "")
        default: screen.error("there is no command \(DisplayText.safe(words.first ?? line)); :help lists them")
        }
        return true
    }

    // MARK: -

    private func document(_ name: String) {
        let name = name.hasSuffix("(") ? String(name.dropLast()) : name
        if name.isEmpty {
            var table = TextTable([])
            for section in LibraryReference.sections {
                table.add([section.title])
                for entry in section.entries { table.add(["  " + entry.name, entry.summary]) }
            }
            screen.write(table.text(width: screen.printer.width))
        } else if let text = LibraryReference.help(for: name) {
            screen.write(DisplayText.wrapped(text, to: screen.printer.width) + "\n")
        } else {
            let entries = LibraryReference.entries(prefix: name)
            guard !entries.isEmpty else {
                return screen.error("nothing is called \"\(DisplayText.safe(name))\"; :doc lists what there is")
            }
            screen.write(LibraryReference.list(entries) + "\n")
        }
    }

    private func watch(_ text: String) async {
        let words = text.split(separator: " ", maxSplits: 1).map(String.init)
        guard words.count == 2, let interval = WatchInterval.parse(words[0]) else {
            return screen.error("usage: :watch INTERVAL EXPRESSION, as in :watch 1s users.list(\"vless-in\")")
        }
        var printer = screen.printer
        // What is taller than the screen cannot be drawn over.
        printer.rows = 20
        let before = interrupts.count
        var drawn = 0
        while interrupts.count == before {
            do {
                let shown = printer.text(try await evaluate(words[1]))
                if isInteractive, drawn > 0 { screen.write("\r\u{1b}[\(drawn)A\u{1b}[J") }
                screen.write(shown)
                drawn = shown.split(separator: "\n", omittingEmptySubsequences: false).count - 1
            } catch let failure as ConsoleFailure where failure.kind == .interrupted {
                return
            } catch {
                return screen.show(error)
            }
            let pause = Task { try? await Task.sleep(for: interval) }
            await interrupts.during {
                await pause.value
            } onInterrupt: {
                pause.cancel()
            }
        }
        if isInteractive { screen.write("\n") }
    }

    private func load(_ path: String) async {
        guard !path.isEmpty else { return screen.error("usage: :load FILE") }
        do {
            let source = try ScriptFile.read(path)
            screen.show(try await evaluate(source, name: URL(fileURLWithPath: path).lastPathComponent))
        } catch {
            screen.show(error)
        }
    }

    private func script(_ words: [String]) async {
        do {
            switch (words.first, words.count) {
            case (nil, _): screen.write(ScriptReport.table(try await client.list()).text(width: screen.printer.width))
            case ("run", 2):
                try ScriptReport.show(await client.run(words[1], schedule: "", isDry: false), screen.write)
            case ("enable", 2), ("disable", 2):
                screen.write(ScriptReport.line(try await client.setEnabled(words[0] == "enable", words[1])) + "\n")
            case ("reload", 2): screen.write(ScriptReport.line(try await client.reload(words[1])) + "\n")
            case ("kill", 2): screen.write("\(try await client.kill(words[1])) runs killed\n")
            case (let name?, 1): screen.write(ScriptReport.details(try await client.script(name)))
            default: screen.error("usage: :script [NAME], :script run|enable|disable|reload|kill NAME")
            }
        } catch {
            screen.error("\(error)")
        }
    }

    private func log(_ name: String) async {
        do {
            try await client.log(name, last: 20, follow: false) { screen.write(ScriptReport.line($0) + "\n") }
        } catch {
            screen.error("\(error)")
        }
    }

    // MARK: - Completion

    /// What Tab does after this text: the commands' words here, Lua at the core.
    static func complete(
        _ line: String, pending: String, client: ScriptClient, connection: ConsoleConnection, columns: Int
    ) async -> LineCompletion {
        if pending.isEmpty, line.first == ":" {
            if let found = await command(line, client: client, columns: columns) { return found }
        }
        var text = pending.isEmpty ? line : pending + "\n" + line
        if pending.isEmpty, line.hasPrefix(":watch ") {
            text = String(line.dropFirst(7).drop { $0 == " " }.drop { $0 != " " })
        }
        guard let answer = try? await connection.complete(text) else { return LineCompletion() }
        let typed = String(decoding: line.utf8.suffix(Int(answer.replaced)), as: UTF8.self)
        return LineCompletion(
            replaced: typed.unicodeScalars.count, typed: typed, candidates: answer.candidates,
            hasMore: answer.hasMore_p,
            columns: columns)
    }

    /// Nil when it is Lua that is being typed.
    private static func command(_ line: String, client: ScriptClient, columns: Int) async -> LineCompletion? {
        let words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        let typed = words.last ?? ""
        var candidates: [String]
        switch (words[0], words.count) {
        case (_, 1): candidates = commands.map { $0 + " " }
        case (":doc", 2):
            candidates = LibraryReference.entries(prefix: typed).map(\.name)
            if !typed.contains(where: { ".:".contains($0) }) {
                // Level by level, as there are many.
                candidates = Array(
                    Set(
                        candidates.map { name in
                            name.firstIndex { ".:".contains($0) }.map { String(name[...$0]) } ?? name
                        }))
            }
        case (":script", 2), (":log", 2), (":script", 3):
            let scripts = ((try? await client.list()) ?? []).map(\.name)
            let verbs =
                words[0] == ":script" && words.count == 2 ? ["run ", "enable ", "disable ", "reload ", "kill "] : []
            candidates = scripts + verbs
        case (":load", _): candidates = files(typed)
        default: return words[0] == ":watch" && words.count > 2 ? nil : LineCompletion()
        }
        candidates = candidates.filter { $0.hasPrefix(typed) }.sorted()
        return LineCompletion(
            replaced: typed.unicodeScalars.count, typed: typed, candidates: candidates, hasMore: false, columns: columns
        )
    }

    private static func files(_ typed: String) -> [String] {
        let folder = typed.lastIndex(of: "/").map { String(typed[...$0]) } ?? ""
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
        return names.filter { !$0.hasPrefix(".") }.map { name in
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: folder + name, isDirectory: &isFolder)
            return folder + name + (isFolder.boolValue ? "/" : "")
        }
    }
}

/// The interval of `:watch`: `500ms`, `1s`, `2m`, or seconds.
enum WatchInterval {
    static func parse(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isNumber || $0 == "." }
        guard let number = Double(digits), number.isFinite else { return nil }
        let seconds: Double
        switch text.dropFirst(digits.count) {
        case "ms": seconds = number / 1000
        case "s", "": seconds = number
        case "m": seconds = number * 60
        default: return nil
        }
        guard seconds >= 0.05, seconds <= 3600 else { return nil }
        return .milliseconds(Int64(seconds * 1000))
    }
}
