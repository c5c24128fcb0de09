// SPDX-License-Identifier: Apache-2.0

/// A number as it was written, so that no digit is lost.
package struct JSONNumber: Sendable, Equatable {
    /// The literal, in JSON's grammar.
    package let text: String

    package init(text: String) {
        self.text = text
    }

    /// The value as an integer of that type; nil when it has a fraction or an exponent, or does not fit.
    package func integer<Integer: FixedWidthInteger>(as type: Integer.Type = Integer.self) -> Integer? {
        Integer(text)
    }

    /// The nearest double; nil when it would be infinite.
    package var double: Double? {
        Double(text).flatMap { $0.isFinite ? $0 : nil }
    }

    /// The shortest spelling that reads back as the same number, without an exponent from 1e-6 up to 1e21.
    /// Nil for infinities and for what is no number.
    package init?(shortest value: some BinaryFloatingPoint & LosslessStringConvertible) {
        guard value.isFinite else { return nil }
        let sign = value.sign == .minus ? "-" : ""
        if value == 0 {
            self.init(text: sign + "0")
            return
        }
        let parts = String(value.magnitude).split(separator: "e")
        guard let mantissa = parts.first else { return nil }
        let exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let halves = mantissa.split(separator: ".", omittingEmptySubsequences: false)
        let whole = halves[0]
        let fraction = halves.count > 1 ? halves[1] : ""
        let all = String(whole + fraction)
        let digits = all.drop { $0 == "0" }
        let significant = String(digits.reversed().drop { $0 == "0" }.reversed())
        // The value is 0.significant × 10^point.
        let point = whole.count + exponent - (all.count - digits.count)
        if value.magnitude < 1e-6 || value.magnitude >= 1e21 {
            let rest = significant.dropFirst()
            let power = point - 1
            self.init(
                text: sign + significant.prefix(1) + (rest.isEmpty ? "" : "." + rest) + (power < 0 ? "e-" : "e+")
                    + String(abs(power)))
        } else if point <= 0 {
            self.init(text: sign + "0." + String(repeating: "0", count: -point) + significant)
        } else if significant.count <= point {
            self.init(text: sign + significant + String(repeating: "0", count: point - significant.count))
        } else {
            self.init(text: sign + significant.prefix(point) + "." + significant.dropFirst(point))
        }
    }
}
