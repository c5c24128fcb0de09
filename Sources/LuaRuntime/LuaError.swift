// SPDX-License-Identifier: Apache-2.0

/// What a script, or a call into one, failed with.
package struct LuaError: Error, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// The source does not compile; `incomplete` means that more input may complete it, as a prompt wants to know.
        case syntax(incomplete: Bool)
        /// The script raised an error, or misused a function.
        case runtime
        /// The memory limit was reached.
        case memory
        /// The instruction budget of the run is used up.
        case instructionLimit
        /// The burst took longer than allowed.
        case deadline
        /// A stop flag was set.
        case killed
        /// A host function threw `cause`, and the script did not catch it.
        case host
        /// The state is closed, or its thread stopped or was abandoned.
        case closed
    }

    package var kind: Kind
    /// As Lua words it, with position: `quota.lua:12: no such user`.
    package var message: String
    /// Lua's stack traceback, empty when nothing was running.
    package var traceback: String
    /// Name of the chunk that failed, such as `quota.lua`.
    package var chunk: String?
    package var line: Int?
    package var cause: (any Error)?

    package init(
        _ kind: Kind, _ message: String, traceback: String = "", chunk: String? = nil, line: Int? = nil,
        cause: (any Error)? = nil
    ) {
        self.kind = kind
        self.message = message
        self.traceback = traceback
        self.chunk = chunk
        self.line = line
        self.cause = cause
    }

    /// An error for a host function to throw: the script sees `message` after its own position.
    package init(_ message: String) {
        self.init(.runtime, message)
    }

    package var description: String { message }

    static var closed: LuaError { LuaError(.closed, "the Lua state is closed") }
}
