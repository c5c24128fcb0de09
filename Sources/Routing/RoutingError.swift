// SPDX-License-Identifier: Apache-2.0

/// Why rules or balancers could not be built, found or changed.
package struct RoutingError: Error, Sendable, Equatable, CustomStringConvertible {
    package struct Code: Sendable, Hashable {
        private enum Value { case invalidRule, invalidPattern, invalidBalancer, duplicateTag, notFound, asset }
        private let value: Value

        package static let invalidRule = Code(value: .invalidRule)
        /// A regular expression that does not parse.
        package static let invalidPattern = Code(value: .invalidPattern)
        package static let invalidBalancer = Code(value: .invalidBalancer)
        package static let duplicateTag = Code(value: .duplicateTag)
        /// No balancer has that tag.
        package static let notFound = Code(value: .notFound)
        /// A file of geographic data, or a list in it, is missing or malformed.
        package static let asset = Code(value: .asset)
    }

    package var code: Code
    /// The full text that an API client gets, in Xray's words where Xray has any.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
