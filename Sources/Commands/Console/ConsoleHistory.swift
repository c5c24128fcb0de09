// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The lines that were typed, in a file that only its owner can read: they may hold accounts.
///
/// Each line is appended when it is entered, so that two sessions do not overwrite each other's.
struct ConsoleHistory: Sendable {
    static let kept = 1000

    let path: String

    /// `$TIDEGATE_HISTORY`, else `tidegate/history` in the folder for state (`$XDG_STATE_HOME`, `~/.local/state`). Nil when there is no such
    /// place.
    init?(environment: [String: String] = ProcessInfo.processInfo.environment) {
        if let path = environment["TIDEGATE_HISTORY"] {
            guard !path.isEmpty else { return nil }
            self.path = path
        } else if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") {
            path = state + "/tidegate/history"
        } else if let home = environment["HOME"], home.hasPrefix("/") {
            path = home + "/.local/state/tidegate/history"
        } else {
            return nil
        }
    }

    /// The last lines, the oldest first. A file that has grown long is cut.
    var lines: [String] {
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        let all = String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
        let last = Array(all.suffix(Self.kept))
        if all.count > Self.kept * 2 { try? replace(with: last) }
        return last
    }

    func add(_ line: String) {
        let files = FileManager.default
        if !files.fileExists(atPath: path) {
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
            try? files.createDirectory(
                at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        // In one call, so that lines of two sessions do not mix.
        let bytes = Array((line.replacing("\n", with: " ") + "\n").utf8)
        _ = write(descriptor, bytes, bytes.count)
    }

    private func replace(with lines: [String]) throws {
        let temporary = path + ".new"
        guard
            FileManager.default.createFile(
                atPath: temporary, contents: Data((lines.joined(separator: "\n") + "\n").utf8),
                attributes: [.posixPermissions: 0o600])
        else { return }
        rename(temporary, path)
    }
}
