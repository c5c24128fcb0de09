// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import ScriptAPI
import XrayProtos

struct ScriptRun: ScriptSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run a schedule of a script now, or a file of Lua once.",
        discussion: """
            NAME is a script of the core: its first schedule runs, or the one that --schedule names, and the command waits for \
            its end. A name that ends with .lua, or has a slash in it, is a file: it runs once in the core, confined and \
            limited as scripts are, and what it prints is shown.

            Status: 1 when the run fails.
            """)

    @OptionGroup var connection: ScriptConnectionOptions
    @Option(help: "The schedule, by its name or its text, such as \"every 2s\".") var schedule: String?
    @Flag(help: "Show what it would change, and change nothing.") var dryRun = false
    @Flag(help: "Print JSON.") var json = false
    @Argument(help: "A script, or a file.") var name: String

    private var isFile: Bool { name.hasSuffix(".lua") || name.contains("/") }

    func validate() throws {
        guard isFile else { return }
        guard schedule == nil else { throw ValidationError("--schedule is for scripts of the core, not for files") }
        guard !json else { throw ValidationError("--json is for scripts of the core, not for files") }
        guard !dryRun else { throw ValidationError("--dry-run is for scripts of the core, not for files") }
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
        let screen = ConsoleScreen(isInteractive: false)
        let interrupts = Interrupts.shared
        let session = try await client.openConsole(isReadOnly: false) { screen.line($0) }
        var hasFailed = false
        do {
            let values = try await interrupts.during {
                try await session.evaluate(source, name: URL(fileURLWithPath: name).lastPathComponent)
            } onInterrupt: {
                Task { try? await session.interrupt() }
            }
            screen.show(values)
        } catch let failure as ConsoleFailure {
            screen.show(failure)
            hasFailed = true
        }
        await session.close()
        if hasFailed { throw ExitCode(1) }
    }
}
