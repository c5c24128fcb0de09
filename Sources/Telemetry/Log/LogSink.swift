// SPDX-License-Identifier: Apache-2.0
import Glibc
import Synchronization

/// Where the bytes of a log end: a file, standard output, or a test's closure. Only whole lines are handed to it.
final class LogSink: Sendable {
    private enum Output: Sendable {
        case closure(@Sendable ([UInt8]) -> Bool)
        case descriptor(Int32, isOwned: Bool)
        case closed
    }

    private struct State {
        var output: Output
        /// The last write broke off inside a line: the next one begins with a line end.
        var isInsideLine = false
    }

    let path: String?
    private let state: Mutex<State>

    /// Opens a file to append to; it is made with mode 0600 if it does not exist. The folder must exist.
    init(path: String) throws(TelemetryError) {
        self.path = path
        state = Mutex(State(output: .descriptor(try Self.open(path), isOwned: true)))
    }

    /// Standard output, or what a test puts in its place.
    convenience init(console: (@Sendable ([UInt8]) -> Void)?) {
        self.init(
            console.map { console in
                .closure { lines in
                    console(lines)
                    return true
                }
            } ?? .descriptor(STDOUT_FILENO, isOwned: false))
    }

    /// A test's sink, which may refuse lines as a full disk does.
    convenience init(refusing body: @escaping @Sendable ([UInt8]) -> Bool) {
        self.init(.closure(body))
    }

    private init(_ output: Output) {
        path = nil
        state = Mutex(State(output: output))
    }

    deinit { close() }

    /// Opens the file's path again and goes on there; a failure leaves the old file in use. Nothing to do for a console.
    func reopen() throws(TelemetryError) {
        guard let path else { return }
        let descriptor = try Self.open(path)
        let old = state.withLock { state in
            defer {
                state.output = .descriptor(descriptor, isOwned: true)
                state.isInsideLine = false
            }
            return state.output
        }
        Self.close(old)
    }

    /// Bytes in the file; nil for a console, and for what is no regular file.
    var size: Int64? {
        guard let path else { return nil }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int64(status.st_size)
    }

    /// Makes the file `PATH.1`, what was `PATH.1` `PATH.2` and so on up to `PATH.KEEP`, which is deleted, and goes on with a new file.
    /// Lines that come meanwhile go to the old file until the new one is open. A failure leaves the old file in use, under its name.
    func rotate(keep: Int) throws(TelemetryError) {
        guard let path else { return }
        guard size != nil else { throw TelemetryError(code: .file, "log file \(path) is no regular file") }
        for number in stride(from: keep - 1, through: 1, by: -1) {
            try Self.move("\(path).\(number)", to: "\(path).\(number + 1)")
        }
        try Self.move(path, to: "\(path).1")
        do {
            try reopen()
        } catch {
            try? Self.move("\(path).1", to: path)
            throw error
        }
    }

    private static func move(_ path: String, to other: String) throws(TelemetryError) {
        guard rename(path, other) != 0, errno != ENOENT else { return }
        throw TelemetryError(
            code: .file, "cannot rename log file \(path) to \(other): \(String(cString: strerror(errno)))")
    }

    func close() {
        Self.close(
            state.withLock { state in
                defer { state.output = .closed }
                return state.output
            })
    }

    /// Writes whole lines; false if the system refused (disk full …) and some of them are lost.
    func write(_ lines: [UInt8]) -> Bool {
        state.withLock { state in
            switch state.output {
            case .closure(let body):
                return body(lines)
            case .closed:
                return false
            case .descriptor(let descriptor, _):
                var isWhole = true
                if state.isInsideLine { isWhole = Self.write([UInt8(ascii: "\n")], to: descriptor) == 1 }
                guard isWhole else { return false }
                let written = Self.write(lines, to: descriptor)
                state.isInsideLine = written > 0 && lines[written - 1] != UInt8(ascii: "\n")
                return written == lines.count
            }
        }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int {
        bytes.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                let part = UnsafeRawBufferPointer(rebasing: bytes[done...])
                let count = Glibc.write(descriptor, part.baseAddress, part.count)
                if count > 0 {
                    done += count
                } else if errno == EAGAIN {
                    // Standard output may be a non-blocking terminal or pipe.
                    var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    guard poll(&waiting, 1, 1000) > 0 else { return done }
                } else if errno != EINTR {
                    return done
                }
            }
            return done
        }
    }

    private static func open(_ path: String) throws(TelemetryError) -> Int32 {
        let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw TelemetryError(code: .file, "cannot open log file \(path): \(String(cString: strerror(errno)))")
        }
        return descriptor
    }

    private static func close(_ output: Output) {
        guard case .descriptor(let descriptor, isOwned: true) = output else { return }
        _ = Glibc.close(descriptor)
    }
}
