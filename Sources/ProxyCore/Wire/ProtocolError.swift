// SPDX-License-Identifier: Apache-2.0

/// Why a peer's bytes are not valid, or a protocol's far end refused.
package struct ProtocolError: Error, Sendable, Equatable, CustomStringConvertible {
    package struct Code: Sendable, Hashable {
        private enum Value { case malformed, refused, tooLarge }
        private let value: Value

        /// The bytes are not of the format.
        package static let malformed = Code(value: .malformed)
        /// The far end understood, and said no.
        package static let refused = Code(value: .refused)
        /// A length passes the format's or our limit.
        package static let tooLarge = Code(value: .tooLarge)
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
