// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport

/// The built executable as a process of its own, with a configuration in a folder of its own.
final class TidegateProcess {
    let folder: URL
    private let configuration: String
    private var process: ChildProcess?

    /// - Parameter configuration: JSON; `@DIR@` stands for the folder.
    init(configuration: String) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("tidegate-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        self.configuration = configuration.replacingOccurrences(of: "@DIR@", with: folder.path)
        try write(self.configuration, to: "config.json")
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(at: folder)
    }

    static var executable: URL {
        URL(fileURLWithPath: ProcessInfo.processInfo.arguments[0]).resolvingSymlinksInPath()
            .deletingLastPathComponent().appendingPathComponent("tidegate")
    }

    /// The root of the package that this test was built from.
    static var packageRoot: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
    }

    func write(_ text: String, to name: String) throws {
        try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
    }

    /// Starts the process and waits until `port` answers.
    func start(waitingFor port: UInt16) throws {
        let process = try ChildProcess(
            Self.executable, ["run", "-c", folder.appendingPathComponent("config.json").path], in: folder,
            log: folder.appendingPathComponent("output.log"))
        self.process = process
        guard Wait.until({ !process.isRunning || TCPClient.answers(port) }), process.isRunning else {
            throw Failure("the process did not open port \(port): \(output)")
        }
    }

    var output: String {
        (try? String(contentsOf: folder.appendingPathComponent("output.log"), encoding: .utf8)) ?? ""
    }

    var isRunning: Bool { process?.isRunning ?? false }

    func signal(_ number: Int32) { process?.signal(number) }

    /// SIGTERM; gives the exit status.
    func stop() -> Int32 {
        guard let process else { return -1 }
        self.process = nil
        return process.end(SIGTERM)
    }

    /// SIGKILL.
    func kill() {
        process?.end(SIGKILL)
        process = nil
    }

    /// Runs `tidegate` with these arguments to its end.
    static func run(_ arguments: [String], input: String = "") throws -> CommandResult {
        try CommandResult.of(executable, arguments, input: input)
    }
}
