// SPDX-License-Identifier: Apache-2.0

/// A part of the settings that a core cannot be made of.
package struct CoreBuildError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Part: Sendable, Equatable {
        case routing
        /// Position in `CoreSettings.inbounds`.
        case inbound(Int)
        case outbound(Int)
    }

    package var part: Part
    package var message: String

    package init(part: Part, message: String) {
        self.part = part
        self.message = message
    }

    package var description: String {
        switch part {
        case .routing: "routing: \(message)"
        case .inbound(let index): "inbounds[\(index)]: \(message)"
        case .outbound(let index): "outbounds[\(index)]: \(message)"
        }
    }
}
