// SPDX-License-Identifier: Apache-2.0
package import LuaRuntime

/// How an evaluation in a session has ended.
package enum ConsoleOutcome: Sendable {
    package enum Failure: Sendable, Equatable {
        case failed
        /// It does not compile; incomplete when more lines may complete it.
        case syntax(incomplete: Bool)
        case interrupted
        /// A limit for memory, instructions or time was reached.
        case limit
        /// The session cannot be used any more.
        case closed
    }

    case values([LuaValue])
    case failed(Failure, message: String, traceback: String)

    init(_ record: RunRecord, results: [LuaValue], traceback: String, isInterrupted: Bool) {
        switch record.outcome {
        case .ok: self = .values(results)
        case .killed where isInterrupted: self = .failed(.interrupted, message: "interrupted", traceback: "")
        case .killed: self = .failed(.limit, message: record.error, traceback: traceback)
        case .failed, .skipped: self = .failed(.failed, message: record.error, traceback: traceback)
        }
    }
}
