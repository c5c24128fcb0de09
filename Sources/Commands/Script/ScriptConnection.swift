// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import Foundation
import NIOPosix
import ProxyConfig
import ScriptAPI

/// Which running core a command means: by its socket, or by the configuration that it runs with.
struct ScriptConnectionOptions: ParsableArguments {
    @Option(
        name: [.customShort("c"), .customLong("config"), .customLong("config", withSingleDash: true)],
        help: ArgumentHelp("The configuration that the core runs with; it names the socket.", valueName: "file"))
    var files: [String] = []

    @Option(help: ArgumentHelp("The core's socket (automation.socket of its configuration).", valueName: "path"))
    var socket: String?

    func validate() throws {
        guard socket == nil || files.isEmpty else { throw ValidationError("give either -c or --socket") }
    }

    /// The socket's path.
    func path() throws -> String {
        if let socket { return Self.absolute(socket) }
        let files = files.isEmpty ? ["config.json"] : files
        let configuration: CoreConfiguration
        do {
            configuration = try ConfigurationLoader().load(files)
        } catch {
            CommandFailure.report("\(error)")
            throw CommandFailure.badConfiguration
        }
        guard let path = Self.path(in: configuration) else {
            throw ScriptFailure(
                "\(files[0]) names no socket for the scripts: set automation.socket or automation.store, or give --socket"
            )
        }
        return path
    }

    static func path(in configuration: CoreConfiguration) -> String? {
        configuration.automation?.socket.map { absolute($0) }
    }

    private static func absolute(_ path: String) -> String { URL(fileURLWithPath: path).path }

    /// - Throws: ``ScriptFailure`` when nobody answers.
    func connect() async throws -> ScriptClient { try await Self.connect(to: path()) }

    static func connect(to path: String) async throws -> ScriptClient {
        let client = try ScriptClient(target: path, group: MultiThreadedEventLoopGroup.singleton)
        do {
            try await client.connect()
        } catch {
            await client.close()
            throw ScriptFailure("no core is running there: \(error)")
        }
        return client
    }
}
