// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A test's own error.
package struct Failure: Error, CustomStringConvertible {
    package var description: String
    package init(_ description: String) { self.description = description }
}

/// Waiting for what another process does: asks again until it is so, for a bounded time.
package enum Wait {
    package static func until(seconds: Double = 60, _ condition: () throws -> Bool) rethrows -> Bool {
        let end = Date().addingTimeInterval(seconds)
        while Date() < end {
            if try condition() { return true }
            usleep(20_000)
        }
        return try condition()
    }
}
