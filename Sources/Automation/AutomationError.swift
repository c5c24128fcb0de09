// SPDX-License-Identifier: Apache-2.0

/// Why the automation refused something: an expression, a setting, a script or the store.
package struct AutomationError: Error, Sendable, CustomStringConvertible {
    package struct Code: Sendable, Hashable {
        private enum Value { case syntax, settings, script, store, limit, closed }
        private let value: Value

        /// Text that cannot be read: a cron expression, a duration, a size.
        package static let syntax = Code(value: .syntax)
        /// The settings contradict themselves or name what does not exist.
        package static let settings = Code(value: .settings)
        /// A script cannot be read, does not compile, or its top level fails.
        package static let script = Code(value: .script)
        /// The durable store failed.
        package static let store = Code(value: .store)
        /// A bound was reached: queue, schedules, value size.
        package static let limit = Code(value: .limit)
        /// The automation is stopping or has stopped.
        package static let closed = Code(value: .closed)
    }

    package var code: Code
    /// Lower-case text that names the thing.
    package var message: String
    package var cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String {
        guard let cause else { return message }
        return "\(message): \(cause)"
    }
}
