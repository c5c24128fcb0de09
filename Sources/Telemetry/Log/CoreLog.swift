// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Foundation
package import ProxyModel
import Synchronization

/// The error log and the access log of a core. Writing never blocks on a disk and may be done on an event loop.
package final class CoreLog: Sendable {
    package typealias Observer = @Sendable (LogLevel, String) -> Void

    private struct State {
        var observers: [UInt64: Observer] = [:]
        var nextObserver: UInt64 = 0
        var isClosed = false
    }

    /// The least serious level that is written.
    package let errorLevel: LogLevel
    package let accessEnabled: Bool
    /// Whether ``dns(_:)`` writes anything.
    package let dnsEnabled: Bool
    private let mask: AddressMask?
    private let sinks: [LogSink]
    private let errorSink: Int?
    private let accessSink: Int?
    private let writer: LogWriter?
    private let observerCount = Atomic<Int>(0)
    private let rotation = NSLock()
    private let state = Mutex(State())

    /// Opens the files of `settings`. Both logs on one target share it, line by line.
    ///
    /// - Parameter console: takes what would go to standard output, called on the log's thread with whole lines.
    package convenience init(
        _ settings: LogSettings, console: (@Sendable ([UInt8]) -> Void)? = nil, clock: LogClock = .system
    ) throws(TelemetryError) {
        try self.init(settings, console: console, clock: clock, limits: LogWriter.Limits())
    }

    init(
        _ settings: LogSettings, console: (@Sendable ([UInt8]) -> Void)?, clock: LogClock, limits: LogWriter.Limits
    ) throws(TelemetryError) {
        mask = try AddressMask(setting: settings.maskAddress)
        var sinks: [LogSink] = []
        errorSink = try Self.open(settings.error, console: console, into: &sinks)
        if settings.access == settings.error {
            accessSink = errorSink
        } else {
            accessSink = try Self.open(settings.access, console: console, into: &sinks)
        }
        self.sinks = sinks
        errorLevel = settings.errorLevel
        accessEnabled = accessSink != nil
        dnsEnabled = settings.dnsLog && accessSink != nil
        writer = sinks.isEmpty ? nil : LogWriter(sinks: sinks, clock: clock, limits: limits)
    }

    deinit { writer?.stop() }

    /// Whether a line of this level is written or observed; ask before building an expensive message.
    @inline(__always)
    package func isEnabled(_ level: LogLevel) -> Bool {
        level <= errorLevel && level != .none && (errorSink != nil || observerCount.load(ordering: .relaxed) > 0)
    }

    /// Writes `[Level] [session] module: message`; the message is not built if the level is off.
    package func write(
        _ level: LogLevel, session: UInt32? = nil, _ module: String, _ message: @autoclosure () -> String
    ) {
        guard isEnabled(level) else { return }
        var line = session.map { "[\(level.label)] [\($0)] " } ?? "[\(level.label)] "
        if !module.isEmpty { line += "\(module): " }
        line = finished(line + message())
        if let errorSink { writer?.enqueue(line, for: errorSink) }
        guard observerCount.load(ordering: .relaxed) > 0 else { return }
        for observer in state.withLock({ Array($0.observers.values) }) { observer(level, line) }
    }

    package func access(_ record: AccessRecord) {
        guard let accessSink else { return }
        writer?.enqueue(finished(record.line), for: accessSink)
    }

    /// Writes a DNS answer to the access log if the settings ask for it.
    package func dns(_ line: @autoclosure () -> String) {
        guard dnsEnabled, let accessSink else { return }
        writer?.enqueue(finished(line()), for: accessSink)
    }

    /// Writes out what is queued and opens the files again by their paths, so that a renamed file is let go. Every line ends up
    /// whole in the old or the new file. On an error the files that could not be opened stay as they were. Blocks, for some
    /// seconds at most.
    package func reopen() throws(TelemetryError) {
        writer?.flush(timeout: .now() + 2)
        for sink in sinks { try sink.reopen() }
    }

    /// The files that the logs go to.
    package var files: [LogFile] {
        sinks.enumerated().compactMap { index, sink in
            guard let path = sink.path, let size = sink.size else { return nil }
            let logs = (errorSink == index ? ["error"] : []) + (accessSink == index ? ["access"] : [])
            return LogFile(logs: logs, path: path, size: size)
        }
    }

    /// Gives a file of the logs the name `PATH.1`, what had that name `PATH.2`, and so on; `keep` of them stay. No line is lost: each ends
    /// up whole in the old or the new file. On an error the file stays in use under its name. Blocks, for some seconds at most.
    ///
    /// - Parameters:
    ///   - path: One of ``files``; nothing else is ever renamed.
    ///   - keep: From 1.
    package func rotate(_ path: String, keep: Int) throws(TelemetryError) {
        guard let sink = sinks.first(where: { $0.path == path }), keep >= 1 else {
            throw TelemetryError(code: .file, "\(path) is not a file of this log")
        }
        writer?.flush(timeout: .now() + 2)
        // One after another: two at a time would rename each other's files.
        rotation.lock()
        defer { rotation.unlock() }
        try sink.rotate(keep: keep)
    }

    /// Waits until all that was written before is in its file. Blocks.
    package func flush() { writer?.flush() }

    /// Writes out what is queued and closes the files; later lines are dropped. Blocks, for some
    /// seconds at most.
    package func close() {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst, let writer else { return }
        writer.stop()
        writer.waitUntilEnded(timeout: .now() + 5)
        for sink in sinks { sink.close() }
    }

    /// Calls `body` with each line of the error log from now on, masked and without the time, on the thread that writes it:
    /// it must return at once and must not log. The result is for ``removeObserver(_:)``.
    @discardableResult
    package func observe(_ body: @escaping Observer) -> UInt64 {
        state.withLock { state in
            state.nextObserver += 1
            state.observers[state.nextObserver] = body
            observerCount.store(state.observers.count, ordering: .relaxed)
            return state.nextObserver
        }
    }

    package func removeObserver(_ id: UInt64) {
        state.withLock { state in
            state.observers[id] = nil
            observerCount.store(state.observers.count, ordering: .relaxed)
        }
    }

    /// Masks addresses and keeps the line one line: names come from peers.
    private func finished(_ line: String) -> String {
        let line = mask?.apply(to: line) ?? line
        guard line.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else { return line }
        var clean = ""
        for scalar in line.unicodeScalars {
            switch scalar.value {
            case 0x0a: clean += "\\n"
            case 0x0d: clean += "\\r"
            case 0x09: clean.unicodeScalars.append(scalar)
            case 0..<0x20, 0x7f: clean += "?"
            default: clean.unicodeScalars.append(scalar)
            }
        }
        return clean
    }

    private static func open(
        _ target: LogTarget, console: (@Sendable ([UInt8]) -> Void)?, into sinks: inout [LogSink]
    ) throws(TelemetryError) -> Int? {
        switch target {
        case .none: return nil
        case .console: sinks.append(LogSink(console: console))
        case .file(let path): sinks.append(try LogSink(path: path))
        }
        return sinks.count - 1
    }
}
