// SPDX-License-Identifier: Apache-2.0

/// Amounts of data as people write them.
package enum ByteSize {
    /// Bytes in `50GB`, `1.5 GiB`, `800k`, `1024`. All units are powers of 1,024, as panels and the configuration count
    /// them; `k`, `kB` and `KiB` are the same, without regard to case. A bare number is bytes.
    package static func parse(_ text: some StringProtocol) throws(AutomationError) -> Int64 {
        func fault(_ message: String) -> AutomationError {
            AutomationError(.syntax, "size \"\(text.prefix(64))\": \(message)")
        }
        guard text.utf8.count <= 64 else { throw fault("too long") }
        var rest = Array(text.utf8)[...]
        guard let number = QuantityReader.number(&rest) else { throw fault("a number is expected") }
        if rest.first == UInt8(ascii: " ") { rest = rest.dropFirst() }
        let unit = QuantityReader.letters(&rest)
        guard rest.isEmpty, let factor = factor(unit: unit.lowercased()) else {
            throw fault("a unit is expected: B, kB, MB, GB, TB or PB")
        }
        let bytes = (number * factor).rounded()
        guard bytes < 9e18 else { throw fault("too large") }
        return Int64(bytes)
    }

    /// `1.50 MB`, for messages.
    package static func text(_ bytes: Int64) -> String {
        var value = Double(bytes.magnitude)
        var unit = "B"
        for larger in ["kB", "MB", "GB", "TB", "PB"] where value >= 1024 {
            value /= 1024
            unit = larger
        }
        let sign = bytes < 0 ? "-" : ""
        if unit == "B" { return "\(sign)\(bytes.magnitude) B" }
        let hundredths = Int64((value * 100).rounded())
        let fraction = hundredths % 100
        return "\(sign)\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction) \(unit)"
    }

    private static func factor(unit: String) -> Double? {
        switch unit {
        case "", "b": 1
        case "k", "kb", "kib": 1024
        case "m", "mb", "mib": 1_048_576
        case "g", "gb", "gib": 1_073_741_824
        case "t", "tb", "tib": 1_099_511_627_776
        case "p", "pb", "pib": 1_125_899_906_842_624
        default: nil
        }
    }
}
