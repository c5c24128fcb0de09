// SPDX-License-Identifier: Apache-2.0
import Foundation

extension Date {
    /// Milliseconds since 1970, saturating.
    var milliseconds: Int64 {
        let value = (timeIntervalSince1970 * 1000).rounded()
        return value.isNaN ? 0 : Int64(max(-9e18, min(9e18, value)))
    }

    init(milliseconds: Int64) {
        self.init(timeIntervalSince1970: Double(milliseconds) / 1000)
    }
}
