// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport

/// A terminal of its own (tmux), in which a program runs: keys go in, and what a person would see comes out.
final class Terminal {
    private let tmux: URL
    /// The server, in the foreground so that it ends with the test.
    private let host: ChildProcess
    private let server = "tidegate-\(UUID().uuidString.prefix(8))"

    /// - Parameters:
    ///   - command: Run by a shell; when it ends, the line "ended STATUS" appears.
    ///   - environment: Additions.
    init(_ command: String, environment: [String: String] = [:], columns: Int = 100, rows: Int = 40) throws {
        guard let tmux = CommandResult.program("tmux") else { throw Failure("tmux is not installed") }
        self.tmux = tmux
        let folder = FileManager.default.temporaryDirectory
        host = try ChildProcess(
            tmux, ["-L", server, "-f", "/dev/null", "-D"], in: folder,
            log: folder.appendingPathComponent("\(server).log"))
        let settings = environment.map { "\($0.key)='\($0.value)'" }.joined(separator: " ")
        let shell = "env \(settings) TERM=screen LANG=C.UTF-8 \(command); echo ended $?; exec sleep 600"
        // The server listens a moment after it has started.
        var problem = ""
        let isThere = try Wait.until {
            let result = try CommandResult.of(
                tmux, ["-L", server, "-N", "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)", shell])
            problem = result.errors
            return result.status == 0
        }
        guard isThere else { throw Failure("tmux: \(problem)") }
    }

    deinit {
        host.end(SIGTERM)
        let log = FileManager.default.temporaryDirectory.appendingPathComponent("\(server).log")
        try? FileManager.default.removeItem(at: log)
    }

    /// Text as it is.
    func type(_ text: String) throws {
        try send(["-l", text])
    }

    /// Keys by tmux's names: Enter, Tab, C-c, C-d, Up.
    func press(_ keys: String...) throws {
        try send(keys)
    }

    /// A line and Enter.
    func enter(_ line: String) throws {
        try type(line)
        try press("Enter")
    }

    /// What is on the screen and has scrolled off it.
    func screen() throws -> String {
        try CommandResult.of(tmux, ["-L", server, "capture-pane", "-p", "-J", "-S", "-500"]).output
    }

    /// Waits until the screen holds the text, so many times.
    func wait(for text: String, times: Int = 1) throws -> Bool {
        let found = try Wait.until { try screen().components(separatedBy: text).count > times }
        if !found { throw Failure("the terminal does not show \"\(text)\":\n\(try screen())") }
        return true
    }

    /// The program that runs in it now.
    func process() throws -> pid_t {
        let shell = try CommandResult.of(tmux, ["-L", server, "display-message", "-p", "-t", ":0", "#{pane_pid}"])
            .output
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let children = try String(contentsOfFile: "/proc/\(shell)/task/\(shell)/children", encoding: .utf8)
        guard let first = children.split(separator: " ").first, let process = pid_t(first) else {
            throw Failure("nothing runs in the terminal")
        }
        return process
    }

    func resize(columns: Int) throws {
        let result = try CommandResult.of(tmux, ["-L", server, "resize-window", "-t", ":0", "-x", "\(columns)"])
        guard result.status == 0 else { throw Failure("tmux: \(result.errors)") }
    }

    /// How the kernel treats what is typed, as stty(1) tells it.
    func modes() throws -> String {
        let format = ["-L", server, "display-message", "-p", "-t", ":0", "#{pane_tty}"]
        let device = try CommandResult.of(tmux, format).output.trimmingCharacters(in: .whitespacesAndNewlines)
        guard let stty = CommandResult.program("stty") else { throw Failure("stty is not installed") }
        return try CommandResult.of(stty, ["-F", device, "-a"]).output
    }

    private func send(_ keys: [String]) throws {
        let result = try CommandResult.of(tmux, ["-L", server, "send-keys", "-t", ":0"] + keys)
        guard result.status == 0 else { throw Failure("tmux: \(result.errors)") }
    }
}
