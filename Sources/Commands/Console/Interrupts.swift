// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Foundation
import Synchronization

/// Ctrl-C outside the line editor: goes to what runs, and to nothing when nothing does.
final class Interrupts: Sendable {
    private struct State {
        var handlers: [Int: @Sendable () -> Void] = [:]
        var last = 0
        var count = 0
    }

    // Set up in init, and only held after that.
    nonisolated(unsafe) private let source: any DispatchSourceSignal
    private let state = Mutex(State())

    init() {
        signal(SIGINT, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler { [weak self] in self?.fire() }
        source.activate()
    }

    /// How often Ctrl-C has come.
    var count: Int { state.withLock { $0.count } }

    /// Runs the body; Ctrl-C meanwhile calls the handler.
    func during<Result>(
        _ body: () async throws -> Result, onInterrupt handler: @escaping @Sendable () -> Void
    ) async rethrows -> Result {
        let number = state.withLock { state in
            state.last += 1
            state.handlers[state.last] = handler
            return state.last
        }
        defer { state.withLock { _ = $0.handlers.removeValue(forKey: number) } }
        return try await body()
    }

    private func fire() {
        let handlers = state.withLock { state in
            state.count += 1
            return state.handlers.values
        }
        for handler in handlers { handler() }
    }
}
