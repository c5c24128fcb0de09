// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// A program that runs beside a test for a while, with its output in a file.
///
/// Foundation's `Process` learns of a child's end by a socket that every child started at the same time inherits: with tests in
/// parallel it may wait for the wrong one, for ever. This one hands nothing on and asks the kernel.
package final class ChildProcess: @unchecked Sendable {  // the lock guards what changes
    /// Changes to the folder, closes what is inherited, and becomes the program.
    private static let start = """
        cd "$0" || exit 127
        for fd in /proc/$$/fd/*; do fd=${fd##*/}; if [ "$fd" -gt 2 ]; then eval "exec $fd>&-"; fi; done
        exec "$@"
        """
    private let pid: pid_t
    private let lock = NSLock()
    private var status: Int32?

    /// - Parameter log: Standard output and error are appended to it.
    package init(_ executable: URL, _ arguments: [String], in directory: URL, log: URL) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log.path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        let shell = ["/bin/bash", "-c", Self.start, directory.path, executable.path]
        var words = (shell + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let failure = posix_spawn(&pid, shell[0], &actions, nil, &words, environ)
        guard failure == 0 else { throw Failure("\(executable.path): \(String(cString: strerror(failure)))") }
        self.pid = pid
    }

    deinit { end(SIGKILL) }

    package var isRunning: Bool {
        lock.withLock {
            reap(WNOHANG)
            return status == nil
        }
    }

    /// Sends a signal.
    package func signal(_ number: Int32) {
        lock.withLock {
            reap(WNOHANG)
            if status == nil { kill(pid, number) }
        }
    }

    /// Sends a signal and waits for the end; gives the exit status, or 128 and the number of the signal that ended it.
    @discardableResult
    package func end(_ signal: Int32) -> Int32 {
        lock.withLock {
            reap(WNOHANG)
            if status == nil {
                kill(pid, signal)
                reap(0)
            }
            return status ?? -1
        }
    }

    private func reap(_ options: Int32) {
        guard status == nil else { return }
        var word: Int32 = 0
        guard waitpid(pid, &word, options) == pid else { return }
        status = word & 0x7f == 0 ? word >> 8 & 0xff : 128 + (word & 0x7f)
    }
}
