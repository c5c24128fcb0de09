// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport

/// Another project's program as a process, with its files in a folder of its own; ended with its object.
final class PeerProcess {
    private let name: String
    private let folder: URL
    private let arguments: [String]
    private var process: ChildProcess?

    /// - Parameters:
    ///   - arguments: `@DIR@` stands for the folder.
    ///   - files: written into the folder.
    init(_ name: String, _ arguments: [String], files: [String: String] = [:]) throws {
        self.name = name
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(name)-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let path = folder.path
        self.arguments = arguments.map { $0.replacingOccurrences(of: "@DIR@", with: path) }
        for (name, text) in files {
            try text.replacingOccurrences(of: "@DIR@", with: path)
                .write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
        }
    }

    /// Debian's v2ray 4.34.
    static func v2ray(_ configuration: String) throws -> PeerProcess {
        try PeerProcess("v2ray", ["-config", "@DIR@/config.json"], files: ["config.json": configuration])
    }

    deinit {
        process?.end(SIGKILL)
        try? FileManager.default.removeItem(at: folder)
    }

    /// Starts it and waits until the TCP port answers.
    func start(waitingFor port: UInt16) throws {
        try start { _ in TCPClient.answers(port) }
    }

    /// Starts it and waits until it is ready, which it may tell by what it prints.
    func start(until isReady: (String) -> Bool) throws {
        guard let program = CommandResult.program(name) else { throw Failure("\(name) is not installed: .ci/install") }
        let process = try ChildProcess(
            program, arguments, in: folder, log: folder.appendingPathComponent("output.log"))
        self.process = process
        guard Wait.until({ !process.isRunning || isReady(output) }), process.isRunning else {
            throw Failure("\(name) did not start: \(output)")
        }
    }

    var output: String {
        (try? String(contentsOf: folder.appendingPathComponent("output.log"), encoding: .utf8)) ?? ""
    }
}
