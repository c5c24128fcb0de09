// SPDX-License-Identifier: Apache-2.0

/// Why a log could not be set up or reopened.
package struct TelemetryError: Error, Sendable, Equatable, CustomStringConvertible {
    package struct Code: Sendable, Hashable {
        private enum Value { case file, setting }
        private let value: Value

        /// A log file could not be opened.
        package static let file = Code(value: .file)
        /// A setting of the log has no meaning.
        package static let setting = Code(value: .setting)
    }

    package var code: Code
    package var message: String

    package init(code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
