// SPDX-License-Identifier: Apache-2.0

/// Why the API could not be served.
package struct ControlServerError: Error, Sendable, Equatable, CustomStringConvertible {
    package struct Code: Sendable, Hashable {
        private enum Value { case address, bind }
        private let value: Value

        /// The address to listen on cannot be read.
        package static let address = Code(value: .address)
        /// The address cannot be listened on.
        package static let bind = Code(value: .bind)
    }

    package var code: Code
    package var message: String

    package init(code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
