// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport

/// A running core with one VLESS user, scripts, and a socket for them beside its configuration.
final class ScriptedCore {
    let core: TidegateProcess
    let port: UInt16

    var configuration: String { core.folder.appendingPathComponent("config.json").path }
    var socket: String { core.folder.appendingPathComponent("state.sock").path }

    /// - Parameter scripts: Sources by name.
    init(
        scripts: [String: String] = [:],
        automation: String = #""store": "state.db", "limits": {"instructions": 10000000000000, "time": "10m"}"#
    ) throws {
        port = try TCPClient.freePort()
        let files = scripts.keys.sorted().map { #"{"file": "\#($0).lua"}"# }.joined(separator: ", ")
        core = try TidegateProcess(
            configuration: """
                {"log": {"loglevel": "info", "access": "none"}, "stats": {},
                 "inbounds": [{"tag": "vless-in", "protocol": "vless", "listen": "127.0.0.1", "port": \(port),
                   "settings": {"decryption": "none", "clients": [
                     {"id": "b831381d-6324-4d53-ad4f-8cda48b30811", "email": "alice@example.com"},
                     {"id": "d4a3e3a5-1a4f-4b6e-9d0c-2f6d3a3f8f11", "email": "bob@example.com"}]}}],
                 "outbounds": [{"tag": "direct", "protocol": "freedom"}],
                 "automation": {\(automation), "scripts": [\(files)]}}
                """)
        for (name, source) in scripts { try core.write(source, to: name + ".lua") }
    }

    func start() throws {
        try core.start(waitingFor: port)
        guard Wait.until({ FileManager.default.fileExists(atPath: socket) }) else {
            throw Failure("there is no socket: \(core.output)")
        }
    }

    /// Runs `tidegate` with these arguments and the core's configuration.
    func run(_ arguments: [String], input: String = "") throws -> CommandResult {
        try TidegateProcess.run(arguments + ["-c", configuration], input: input)
    }

    /// A prompt in this core.
    func prompt(_ arguments: String = "") throws -> Terminal {
        let terminal = try Terminal(
            "\(TidegateProcess.executable.path) repl -c \(configuration) \(arguments)",
            environment: ["TIDEGATE_HISTORY": core.folder.appendingPathComponent("history").path])
        _ = try terminal.wait(for: "tidegate> ")
        return terminal
    }
}
