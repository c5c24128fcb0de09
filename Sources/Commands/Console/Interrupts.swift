// SPDX-License-Identifier: Apache-2.0
import CLineEditor
import Foundation
import Synchronization

/// Ctrl-C outside the line editor goes to what runs, and to nothing when nothing does; SIGTERM and SIGHUP end the process, in order if
/// somebody has said how.
final class Interrupts: Sendable {
    private struct State {
        var handlers: [Int: @Sendable () -> Void] = [:]
        var last = 0
        var count = 0
        var onTermination: (@Sendable (Int32) -> Void)?
    }

    private let state = Mutex(State())

    /// One for the process.
    static let shared = Interrupts()

    private init() {
        let descriptor = le_signals()
        guard descriptor >= 0 else { return }
        // Sources of libdispatch lose a signal that comes to the wrong thread at the wrong moment.
        Thread { [self] in
            var byte: UInt8 = 0
            while read(descriptor, &byte, 1) == 1 {
                if Int32(byte) == SIGINT { fire() } else { terminate(Int32(byte)) }
            }
        }.start()
    }

    /// How often Ctrl-C has come.
    var count: Int { state.withLock { $0.count } }

    /// Says what the first SIGTERM or SIGHUP does; it is told the number, and has to end the process.
    func onTermination(_ body: @escaping @Sendable (Int32) -> Void) {
        state.withLock { $0.onTermination = body }
    }

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

    /// A second signal does not wait for what the first one does.
    private func terminate(_ number: Int32) {
        let body = state.withLock { state in
            defer { state.onTermination = nil }
            return state.onTermination
        }
        if let body { body(number) } else { exit(128 + number) }
    }
}
