// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Automation
import Foundation

struct ScriptTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Run the tests of scripts in virtual time.",
        discussion: """
            Example: tidegate script test Scripts

            Each test of a *_test.lua file runs its scripts in a core without a network, with a clock that only the test moves, so that \
            a month passes in a moment. Scripts/README.md tells how to write one; `tidegate reference advance` (core, traffic, expect …) tells what it can call.

            Exit status 1 when a test has failed, 2 for a wrong command line or when there are no tests.
            """)

    @Argument(help: "Test files, or folders to search for *_test.lua. Without: the current folder.")
    var paths: [String] = ["."]

    @Option(help: ArgumentHelp("Only tests whose name or file's path contains this.", valueName: "text"))
    var filter: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let files = try paths.flatMap { try ScriptTestFiles.find($0) }
        guard !files.isEmpty else {
            throw ValidationError("there are no *_test.lua files in \(paths.joined(separator: ", "))")
        }
        let report = ScriptTestReport(isColoured: isatty(STDOUT_FILENO) == 1, isQuiet: json)
        let runner = ScriptTestRunner(makeCore: StageCore.make)
        let signs = Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                report.tick()
            }
        }
        defer { signs.cancel() }
        for file in files {
            // A filter that names the file takes all of its tests.
            let names = filter.flatMap { file.contains($0) ? nil : $0 }
            await runner.run(file, filter: names, onStart: { report.begin($0) }) { report.add($0) }
        }
        guard report.count > 0 else { throw ValidationError("no test is called \"\(filter ?? "")\"") }
        print(json ? report.json : report.summary)
        guard report.failures == 0 else { throw ExitCode(1) }
    }
}

/// Where tests are looked for.
enum ScriptTestFiles {
    /// The file itself, or what is in the folder and its folders, by path; hidden ones are left out.
    static func find(_ path: String) throws -> [String] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw ValidationError("no such file or folder: \(path)")
        }
        guard isFolder.boolValue else { return [path] }
        let found = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
        let tests = found.filter { file in
            file.hasSuffix("_test.lua") && !file.split(separator: "/").contains { $0.hasPrefix(".") }
        }
        return tests.sorted().map { path == "." ? $0 : "\(path)/\($0)" }
    }
}
