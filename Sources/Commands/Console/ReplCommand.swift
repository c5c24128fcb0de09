// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Automation
import CLineEditor
import ControlAPI
import Foundation
import ProxyConfig
import ScriptAPI
import Synchronization

/// `tidegate repl`.
struct ReplCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repl", abstract: "A Lua prompt inside a core.",
        discussion: """
            With --socket, or when a core already runs with the configuration of -c, the session is in that core; otherwise -c \
            starts one in this process, which ends with the session. Input that is not a terminal is run without a prompt, \
            statement by statement, and ends at the first error.

            Status: 0, 1 for an error in such input or a core that cannot be reached, 2 for the command line, 23 for the \
            configuration, 255 when the core cannot be started.
            """)

    @OptionGroup var target: ScriptConnectionOptions
    @Flag(help: "Refuse calls that would change anything.") var readOnly = false
    @Flag(help: "List what calls would change, and change nothing.") var dryRun = false

    func validate() throws {
        guard !readOnly || !dryRun else { throw ValidationError("give either --read-only or --dry-run") }
    }

    func run() async throws {
        le_use_utf8()
        let isInteractive = isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0
        let screen = ConsoleScreen(isInteractive: isInteractive)
        var status: Int32 = 1
        try await ScriptFailure.telling {
            let ending = Ending()
            Interrupts.shared.onTermination { ending.begin($0) }
            let place = try await ReplPlace.find(target, screen: screen, isInteractive: isInteractive)
            ending.found(place)
            do {
                status = try await converse(place, screen: screen, isInteractive: isInteractive)
            } catch {
                await ending.takesOver()
                await place.leave()
                throw error
            }
            await ending.takesOver()
            await place.leave()
        }
        if status != 0 { throw ExitCode(status) }
    }

    private func converse(_ place: ReplPlace, screen: ConsoleScreen, isInteractive: Bool) async throws -> Int32 {
        let connection = try await place.client.openConsole(readOnly ? .readOnly : dryRun ? .dryRun : .full) {
            screen.line($0)
        } onPlanned: {
            screen.planned($0)
        }
        let repl = Repl(
            client: place.client, connection: connection, isInteractive: isInteractive, interrupts: Interrupts.shared,
            screen: screen)
        let pending = Repl.PendingInput()
        let status: Int32
        if isInteractive {
            let client = place.client
            let editor = LineEditor(history: ConsoleHistory(), onTyping: { screen.typing($0) }) { line in
                await Repl.complete(
                    line, pending: pending.text, client: client, connection: connection, columns: Int(le_columns()))
            }
            guard let editor else { throw ScriptFailure("the terminal cannot be used") }
            let mode = readOnly ? ", read-only" : dryRun ? ", dry run: nothing is changed" : ""
            screen.write(
                "Tidegate \(connection.version), \(place.description)\(mode). :help tells more, Ctrl-D ends.\n")
            status = await repl.run(editor, pending: pending)
            editor.close()
        } else {
            status = await repl.run(PipedInput(), pending: pending)
        }
        await connection.close()
        return status
    }
}

/// What a signal to stop does: a core of this process ends in order, as it does without a prompt.
private final class Ending: Sendable {
    private struct State {
        var place: ReplPlace?
        var signal: Int32?
    }

    private let state = Mutex(State())

    func begin(_ signal: Int32) {
        let place = state.withLock { state in
            state.signal = signal
            return state.place
        }
        if let place { end(place, signal) }
    }

    /// Returns unless a signal is ending the process already.
    func takesOver() async {
        while state.withLock({ $0.signal != nil }) { try? await Task.sleep(for: .seconds(1)) }
    }

    /// A signal that came while the core was being started is obeyed now.
    func found(_ place: ReplPlace) {
        let signal = state.withLock { state in
            state.place = place
            return state.signal
        }
        if let signal { end(place, signal) }
    }

    private func end(_ place: ReplPlace, _ signal: Int32) {
        Task {
            await place.leave()
            exit(128 + signal)
        }
    }
}

/// The core that a session is in: one that runs already, or one of this process.
struct ReplPlace {
    let client: ScriptClient
    let description: String
    private let service: ProxyService?
    private let folder: String?

    static func find(
        _ target: ScriptConnectionOptions, screen: ConsoleScreen, isInteractive: Bool
    ) async throws -> ReplPlace {
        if let socket = target.socket {
            return ReplPlace(
                client: try await target.connect(), description: "in the core at \(socket)", service: nil, folder: nil)
        }
        var options = ConfigurationOptions()
        options.files = target.files
        let configuration = try options.load()
        if let path = ScriptConnectionOptions.path(in: configuration), FileManager.default.fileExists(atPath: path) {
            // Somebody else's core must not get a second one beside it.
            guard access(path, R_OK | W_OK) == 0 else { throw ScriptFailure("\(path) may only be opened by its owner") }
            if let client = try? await ScriptConnectionOptions.connect(to: path) {
                return ReplPlace(client: client, description: "in the core at \(path)", service: nil, folder: nil)
            }
        }
        return try await start(configuration, options.paths, screen: screen, isInteractive: isInteractive)
    }

    /// Starts a core here. It is spoken to over its socket as any other is.
    private static func start(
        _ configuration: CoreConfiguration, _ files: [String], screen: ConsoleScreen, isInteractive: Bool
    ) async throws -> ReplPlace {
        var configuration = configuration
        var automation = configuration.automation ?? AutomationConfiguration()
        var folder: String?
        let path: String
        if let named = ScriptConnectionOptions.path(in: configuration) {
            path = named
        } else {
            var template = Array((NSTemporaryDirectory() + "/tidegate-XXXXXX").utf8CString)
            guard mkdtemp(&template) != nil else { throw ScriptFailure("no temporary folder can be made") }
            let made = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            folder = made
            path = made + "/core.sock"
        }
        automation.socket = path
        automation.isSocketNamed = true
        configuration.automation = automation
        // The core's lines would land in the middle of what is typed, or among the results.
        let service = try ProxyService(configuration, files: files) { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            for line in text.split(separator: "\n") {
                if isInteractive {
                    screen.line(DisplayText.safe(String(line)))
                } else {
                    try? FileHandle.standardError.write(contentsOf: Data((line + "\n").utf8))
                }
            }
        }
        try await service.start()
        let client = try await ScriptConnectionOptions.connect(to: path)
        return ReplPlace(
            client: client,
            description: "no core runs with this configuration: started one, which ends with this session",
            service: service, folder: folder)
    }

    /// Lets the core go; one of this process ends.
    func leave() async {
        await client.close()
        // Time for what scripts do at their end.
        await service?.stop(grace: .seconds(1))
        if let folder { try? FileManager.default.removeItem(atPath: folder) }
    }
}
