// SPDX-License-Identifier: Apache-2.0

/// A number as Lua has them: integers stay integers.
package enum StoreNumber: Sendable, Equatable {
    case integer(Int64)
    case real(Double)

    /// Nil for JSON that is not a number.
    init?(json: String) {
        if let integer = Int64(json) {
            self = .integer(integer)
        } else if let real = Double(json), real.isFinite {
            self = .real(real)
        } else {
            return nil
        }
    }

    var json: String {
        switch self {
        case .integer(let value): "\(value)"
        case .real(let value): "\(value)"
        }
    }

    /// Nil where an integer would wrap or a real would not be finite.
    func adding(_ other: StoreNumber) -> StoreNumber? {
        if case .integer(let left) = self, case .integer(let right) = other {
            let (sum, overflow) = left.addingReportingOverflow(right)
            return overflow ? nil : .integer(sum)
        }
        let sum = real + other.real
        return sum.isFinite ? .real(sum) : nil
    }

    private var real: Double {
        switch self {
        case .integer(let value): Double(value)
        case .real(let value): value
        }
    }
}
