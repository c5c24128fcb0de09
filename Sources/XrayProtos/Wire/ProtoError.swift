// SPDX-License-Identifier: Apache-2.0

/// What reading, writing or converting a message by its descriptor can fail with.
package struct ProtoError: Error, Equatable, CustomStringConvertible {
    /// The kind of failure; a closed list for callers, open for us.
    package struct Code: Hashable, Sendable {
        private enum Value: Hashable { case malformed, tooDeep, tooLarge, mismatch, outOfRange, unknownName, badJSON }
        private let value: Value

        /// The bytes are no message: cut off, an overlong varint, a bad tag or length, text that is no UTF-8.
        package static let malformed = Code(value: .malformed)
        /// Messages are nested deeper than the limit.
        package static let tooDeep = Code(value: .tooDeep)
        /// The encoded message would pass the writer's limit.
        package static let tooLarge = Code(value: .tooLarge)
        /// A value of another type than the field's.
        package static let mismatch = Code(value: .mismatch)
        /// A number that the field's type cannot hold.
        package static let outOfRange = Code(value: .outOfRange)
        /// No such field, message type or enum value.
        package static let unknownName = Code(value: .unknownName)
        /// Text that is no JSON.
        package static let badJSON = Code(value: .badJSON)
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}

/// Limits that readers and writers share.
package enum ProtoLimits {
    /// How deep messages may be nested, the outermost counting as 1.
    package static let depth = 100
    /// The largest message that a `ProtoWriter` makes by default, in bytes.
    package static let size = 64 << 20
}
