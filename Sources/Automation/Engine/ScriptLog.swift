// SPDX-License-Identifier: Apache-2.0
package import Foundation
package import ProxyModel
import Synchronization

/// One line that a script, or the automation about it, has logged.
package struct ScriptLogLine: Sendable, Equatable {
    package var time: Date
    package var level: LogLevel
    package var script: String
    package var message: String
}

/// The scripts' last log lines, whatever the core's log level is, and those to come for who follows them.
///
/// A line costs a lock and an append; memory is bounded by ``kept`` lines of 8 KiB for each script that has logged.
final class ScriptLog: Sendable {
    /// Lines that are remembered of each script.
    static let kept = 500
    /// Lines that a slow follower may be behind before it loses the oldest.
    static let buffered = 1000

    private struct Entry {
        var number: UInt64
        var line: ScriptLogLine
    }

    private struct Follower {
        var script: String?
        var continuation: AsyncStream<ScriptLogLine>.Continuation
    }

    private struct State {
        var entries: [String: [Entry]] = [:]
        var followers: [Int: Follower] = [:]
        var lastNumber: UInt64 = 0
        var lastFollower = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    func append(_ level: LogLevel, script: String, _ message: String, at time: Date) {
        let line = ScriptLogLine(time: time, level: level, script: script, message: message)
        state.withLock { state in
            state.lastNumber += 1
            var entries = state.entries.removeValue(forKey: script) ?? []
            entries.append(Entry(number: state.lastNumber, line: line))
            // In bulk, so that an append does not move all the others.
            if entries.count >= Self.kept * 2 { entries.removeFirst(entries.count - Self.kept) }
            state.entries[script] = entries
            for follower in state.followers.values where follower.script == nil || follower.script == script {
                follower.continuation.yield(line)
            }
        }
    }

    /// The last lines in the order in which they came; of all scripts without a name.
    func last(_ count: Int, script: String? = nil) -> [ScriptLogLine] {
        state.withLock { Self.last(count, script, $0) }
    }

    /// The last lines and all that follow, without a gap between them.
    func follow(last count: Int, script: String? = nil) -> AsyncStream<ScriptLogLine> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ScriptLogLine.self, bufferingPolicy: .bufferingNewest(Self.buffered + Self.kept))
        let number = state.withLock { state -> Int? in
            for line in Self.last(count, script, state) { continuation.yield(line) }
            guard !state.isClosed else { return nil }
            state.lastFollower += 1
            state.followers[state.lastFollower] = Follower(script: script, continuation: continuation)
            return state.lastFollower
        }
        guard let number else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.followers.removeValue(forKey: number) }
        }
        return stream
    }

    /// Ends all followers.
    func close() {
        let followers = state.withLock { state in
            state.isClosed = true
            defer { state.followers = [:] }
            return state.followers.values
        }
        for follower in followers { follower.continuation.finish() }
    }

    private static func last(_ count: Int, _ script: String?, _ state: borrowing State) -> [ScriptLogLine] {
        let count = min(max(0, count), kept)
        guard let script else {
            let newest = state.entries.values.flatMap { $0.suffix(count) }.sorted { $0.number < $1.number }
            return newest.suffix(count).map(\.line)
        }
        return state.entries[script]?.suffix(count).map(\.line) ?? []
    }
}
