// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Debian's v2ray as a process, with a configuration of its own.
package final class V2Ray {
    private let process: ChildProcess
    private let folder: URL

    /// Starts it and waits until `port` answers.
    package init(_ configuration: String, port: UInt16) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("v2ray-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appendingPathComponent("config.json")
        try configuration.write(to: file, atomically: true, encoding: .utf8)
        let process = try ChildProcess(
            URL(fileURLWithPath: "/usr/bin/v2ray"), ["-config", file.path], in: folder,
            log: folder.appendingPathComponent("log"))
        self.process = process
        guard Wait.until({ !process.isRunning || TCPClient.answers(port) }), process.isRunning else {
            throw Failure("v2ray did not open port \(port)")
        }
    }

    deinit { stop() }

    package func stop() {
        process.end(SIGTERM)
        try? FileManager.default.removeItem(at: folder)
    }
}
