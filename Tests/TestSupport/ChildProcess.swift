// SPDX-License-Identifier: Apache-2.0
import CSpawn
package import Foundation

/// A program that runs beside a test for a while. It inherits nothing but its standard input, output and error, and no signal is
/// blocked or ignored in it.
///
/// Foundation's `Process` learns of a child's end by a socket that every child started at the same time inherits: with tests in
/// parallel it may wait for the wrong one, for ever. This one asks the kernel.
package final class ChildProcess: @unchecked Sendable {  // the lock guards what changes
    private let pid: pid_t
    private let lock = NSLock()
    private var status: Int32?

    /// - Parameters:
    ///   - directory: Where it starts; here, if it is not given.
    ///   - input: The file that it reads; none if it is not given.
    ///   - log: Standard output is appended to it.
    ///   - errors: Standard error is appended to it; to `log`, if it is not given.
    package init(
        _ executable: URL, _ arguments: [String], in directory: URL? = nil, input: URL? = nil, log: URL,
        errors: URL? = nil
    ) throws {
        var words = ([executable.path] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let failure = spawn_alone(
            &pid, executable.path, &words, directory?.path, input?.path ?? "/dev/null", log.path, errors?.path)
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

    /// Sends a signal, unless there is none to send, and waits for the end; gives the exit status, or 128 and the number of the
    /// signal that ended it.
    @discardableResult
    package func end(_ signal: Int32 = 0) -> Int32 {
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
