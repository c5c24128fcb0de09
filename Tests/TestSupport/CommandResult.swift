// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// What a program printed, and how it ended.
package struct CommandResult {
    package var status: Int32
    package var output: String
    package var errors: String

    /// Runs a program to its end.
    package static func of(
        _ executable: URL, _ arguments: [String], input: String = "", in directory: URL? = nil
    ) throws -> CommandResult {
        let folder = FileManager.default.temporaryDirectory
        let names = (0..<3).map { _ in folder.appendingPathComponent("tidegate-io-\(UUID().uuidString)") }
        defer { for name in names { try? FileManager.default.removeItem(at: name) } }
        try Data(input.utf8).write(to: names[0])
        let process = try ChildProcess(
            executable, arguments, in: directory, input: names[0], log: names[1], errors: names[2])
        let status = process.end()
        return CommandResult(
            status: status, output: try String(contentsOf: names[1], encoding: .utf8),
            errors: try String(contentsOf: names[2], encoding: .utf8))
    }

    /// A program on the search path, or nil when it is not installed.
    package static func program(_ name: String) -> URL? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return path.split(separator: ":").map { URL(fileURLWithPath: String($0)).appendingPathComponent(name) }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    }
}
