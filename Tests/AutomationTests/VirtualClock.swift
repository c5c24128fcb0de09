// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

@testable import Automation

/// A clock that stands still until it is moved.
final class VirtualClock: AutomationClock {
    private struct State {
        var uptime = Duration.zero
        var origin: Date
        var sleepers: [UInt64: (deadline: Duration, continuation: CheckedContinuation<Void, any Error>)] = [:]
        var cancelled: Set<UInt64> = []
        var lastSleeper: UInt64 = 0
        var watchers: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(at date: Date = Date(timeIntervalSince1970: 1_767_225_600)) { state = Mutex(State(origin: date)) }

    var uptime: Duration { state.withLock { $0.uptime } }
    var wall: Date { state.withLock { $0.origin.addingTimeInterval($0.uptime.seconds) } }

    func sleep(until uptime: Duration) async throws {
        let number = state.withLock { state in
            state.lastSleeper += 1
            return state.lastSleeper
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let (answer, watchers) = state.withLock { state in
                    if state.cancelled.remove(number) != nil {
                        return (Result<Void, any Error>?.some(.failure(CancellationError())), state.watchers)
                    }
                    if state.uptime >= uptime { return (.success(()), []) }
                    state.sleepers[number] = (uptime, continuation)
                    defer { state.watchers = [] }
                    return (nil, state.watchers)
                }
                if let answer {
                    continuation.resume(with: answer)
                } else {
                    for watcher in watchers { watcher.resume() }
                }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                if let sleeper = state.sleepers.removeValue(forKey: number) { return Optional(sleeper.continuation) }
                state.cancelled.insert(number)
                return nil
            }
            continuation?.resume(throwing: CancellationError())
        }
    }

    /// Sets the calendar without any time passing.
    func setCalendar(by seconds: TimeInterval) { state.withLock { $0.origin += seconds } }

    /// Moves time on from one sleeper's deadline to the next, and waits for `settled` and for the next sleeper after each.
    func advance(by duration: Duration, settled: () async -> Void = {}) async {
        let target = uptime + duration
        while true {
            await sleeperExists()
            let due = state.withLock { state -> [CheckedContinuation<Void, any Error>] in
                guard let first = state.sleepers.values.map(\.deadline).min(), first <= target else {
                    state.uptime = max(state.uptime, target)
                    return []
                }
                state.uptime = max(state.uptime, first)
                let due = state.sleepers.filter { $0.value.deadline <= first }
                for number in due.keys { state.sleepers[number] = nil }
                return due.values.map(\.continuation)
            }
            guard !due.isEmpty else { return }
            for continuation in due { continuation.resume() }
            await sleeperExists()
            await settled()
        }
    }

    /// Moves time on in one jump.
    func jump(by duration: Duration) async {
        await sleeperExists()
        let due = state.withLock { state -> [CheckedContinuation<Void, any Error>] in
            state.uptime += duration
            let due = state.sleepers.filter { $0.value.deadline <= state.uptime }
            for number in due.keys { state.sleepers[number] = nil }
            return due.values.map(\.continuation)
        }
        for continuation in due { continuation.resume() }
        if !due.isEmpty { await sleeperExists() }
    }

    /// Waits until someone sleeps, that is, until the scheduler has handed over what was due.
    func sleeperExists() async {
        await withCheckedContinuation { continuation in
            let exists = state.withLock { state in
                if state.sleepers.isEmpty { state.watchers.append(continuation) }
                return !state.sleepers.isEmpty
            }
            if exists { continuation.resume() }
        }
    }
}
