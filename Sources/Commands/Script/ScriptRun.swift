// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Automation
import Foundation
import ScriptAPI
import Synchronization
import XrayProtos

struct ScriptRun: ScriptSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run a schedule of a script now, or a file of Lua once.",
        discussion: """
            NAME is a script of the core: its first schedule runs, or the one that --schedule names, and the command waits for \
            its end. A name that ends with .lua, or has a slash in it, is a file: it runs once in the core, confined and \
            limited as scripts are, and what it prints is shown. With --dry-run the changes that it would make are listed and \
            not made.

            Status: 1 when the run fails.
            """)

    @OptionGroup var connection: ScriptConnectionOptions
    @Option(help: "The schedule, by its name or its text, such as \"every 2s\".") var schedule: String?
    @Flag(
        name: [.customLong("dry-run"), .customLong("dry")], help: "Show what it would change, and change nothing.")
    var dryRun = false
    @Flag(help: "Print JSON.") var json = false
    @Argument(help: "A script, or a file.") var name: String

    private var isFile: Bool { name.hasSuffix(".lua") || name.contains("/") }

    func validate() throws {
        guard isFile, schedule != nil else { return }
        throw ValidationError("--schedule is for scripts of the core, not for files")
    }

    func perform(_ client: ScriptClient) async throws {
        guard !isFile else { return try await runFile(client) }
        let answer = try await client.run(name, schedule: schedule ?? "", isDry: dryRun)
        guard json else { return try ScriptReport.show(answer) { print($0, terminator: "") } }
        print(ScriptJSON.text(["run": ScriptJSON.object(answer.run), "changes": answer.changes]))
        if answer.run.outcome != "ok" { throw ExitCode(1) }
    }

    private func runFile(_ client: ScriptClient) async throws {
        let source = try ScriptFile.read(name)
        let report = FileReport(isJSON: json)
        let interrupts = Interrupts.shared
        let session = try await client.openConsole(dryRun ? .dryRun : .full) {
            report.line($0)
        } onPlanned: {
            report.planned($0)
        }
        do {
            let values = try await interrupts.during {
                try await session.evaluate(source, name: URL(fileURLWithPath: name).lastPathComponent)
            } onInterrupt: {
                Task { try? await session.interrupt() }
            }
            report.end(values)
        } catch let failure as ConsoleFailure {
            report.end(failure)
        }
        await session.close()
        if report.hasFailed { throw ExitCode(1) }
    }
}

/// What the run of a file shows: as it comes, or as one object of JSON at the end.
private final class FileReport: Sendable {
    private struct Gathered {
        var lines: [[String: String]] = []
        var changes: [String] = []
        var hasFailed = false
    }

    private let screen: ConsoleScreen?
    private let gathered = Mutex(Gathered())

    init(isJSON: Bool) { screen = isJSON ? nil : ConsoleScreen(isInteractive: false) }

    var hasFailed: Bool { gathered.withLock { $0.hasFailed } }

    func line(_ line: Tidegate_Script_V1_OutputLine) {
        guard let screen else {
            return gathered.withLock { $0.lines.append(["level": line.level, "text": line.text]) }
        }
        screen.line(line)
    }

    func planned(_ change: String) {
        guard let screen else { return gathered.withLock { $0.changes.append(change) } }
        screen.planned(change)
    }

    func end(_ values: [Tidegate_Script_V1_Value]) {
        guard let screen else { return print(values: values, failure: nil) }
        screen.show(values)
    }

    func end(_ failure: ConsoleFailure) {
        gathered.withLock { $0.hasFailed = true }
        guard let screen else { return print(values: [], failure: failure) }
        screen.show(failure)
    }

    private func print(values: [Tidegate_Script_V1_Value], failure: ConsoleFailure?) {
        let (lines, changes) = gathered.withLock { ($0.lines, $0.changes) }
        let error: Any = failure.map { ["message": $0.message, "traceback": $0.traceback] } ?? NSNull()
        Swift.print(
            ScriptJSON.text([
                "values": values.map { ScriptJSON.value($0) }, "lines": lines, "changes": changes, "error": error,
            ]))
    }
}
