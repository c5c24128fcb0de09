// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import ScriptAPI
import XrayProtos

struct ScriptList: ScriptSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show the scripts of a running core, or all about one.")

    @OptionGroup var connection: ScriptConnectionOptions
    @Flag(help: "Print JSON.") var json = false
    @Argument(help: "A script.") var name: String?

    func perform(_ client: ScriptClient) async throws {
        if let name {
            let script = try await client.script(name)
            return print(
                json ? ScriptJSON.text(ScriptJSON.object(script)) + "\n" : ScriptReport.details(script), terminator: "")
        }
        let scripts = try await client.list()
        guard !json else { return print(ScriptJSON.text(scripts.map { ScriptJSON.object($0) })) }
        guard !scripts.isEmpty else { return print("There are no scripts.") }
        print(ScriptReport.table(scripts).text(), terminator: "")
        let problems = ScriptReport.problems(scripts)
        if !problems.isEmpty { print("\n" + problems, terminator: "") }
    }
}

struct ScriptHistory: ScriptSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Show the past runs of a script, or of all, the newest first.",
        discussion: "MEMORY is the most Lua memory that the script had meanwhile, CALLS counts calls of the API.")

    @OptionGroup var connection: ScriptConnectionOptions
    @Flag(help: "Print JSON.") var json = false
    @Option(name: [.customShort("n"), .customLong("limit")], help: "How many.") var limit = 20
    @Flag(help: "Only runs that failed, were killed or skipped.") var failed = false
    @Flag(name: [.customShort("v"), .customLong("verbose")], help: "With tracebacks and the lines that were logged.")
    var verbose = false
    @Argument(help: "A script.") var name: String?

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit is a number from 1 to 10000") }
    }

    func perform(_ client: ScriptClient) async throws {
        var runs = try await client.runs(name ?? "", limit: failed ? 10_000 : limit)
        if failed { runs = Array(runs.filter { $0.outcome != "ok" }.prefix(limit)) }
        guard !json else { return print(ScriptJSON.text(runs.map { ScriptJSON.object($0) })) }
        guard !runs.isEmpty else { return print("There are no runs.") }
        guard !verbose else { return print(ScriptReport.details(runs), terminator: "") }
        print(ScriptReport.table(runs).text(), terminator: "")
    }
}

struct ScriptLogs: ScriptSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Show what a script, or all, have logged.",
        discussion: "The core remembers the last 500 lines of each script, of every level.")

    @OptionGroup var connection: ScriptConnectionOptions
    @Flag(help: "Print JSON, an object on each line.") var json = false
    @Flag(name: [.customShort("f"), .customLong("follow")], help: "Go on with lines as they come.") var follow = false
    @Option(name: [.customShort("n"), .customLong("limit")], help: "How many of the lines that are remembered.")
    var limit = 50
    @Argument(help: "A script; console for what sessions have done.") var name: String?

    func validate() throws {
        guard (0...500).contains(limit) else { throw ValidationError("--limit is a number from 0 to 500") }
    }

    func perform(_ client: ScriptClient) async throws {
        try await client.log(name ?? "", last: limit, follow: follow) { line in
            let text = json ? ScriptJSON.text(ScriptJSON.object(line), isPretty: false) : ScriptReport.line(line)
            // At once, whatever standard output is.
            try FileHandle.standardOutput.write(contentsOf: Data((text + "\n").utf8))
        }
    }
}
