// SPDX-License-Identifier: Apache-2.0

extension Duration {
    /// Reads `250ms`, `2s`, `1.5h`, `1h30m`: numbers with a unit of `ns us ms s m h d w`, from the largest unit to the
    /// smallest, up to 100 years. A number without a unit is refused, zero needs one too.
    package init(parsing text: some StringProtocol) throws(AutomationError) {
        func fault(_ message: String) -> AutomationError {
            AutomationError(.syntax, "duration \"\(text.prefix(64))\": \(message)")
        }
        guard text.utf8.count <= 64 else { throw fault("too long") }
        var rest = Array(text.utf8)[...]
        guard !rest.isEmpty else { throw fault("empty") }
        var total = 0.0
        var previous = Double.infinity
        while !rest.isEmpty {
            guard let number = QuantityReader.number(&rest) else { throw fault("a number is expected") }
            guard let unit = Self.nanoseconds(unit: QuantityReader.letters(&rest)) else {
                throw fault("a unit is expected: ns, us, ms, s, m, h, d or w")
            }
            guard unit < previous else { throw fault("units must go from large to small") }
            previous = unit
            total += number * unit
        }
        guard total <= 100 * 366 * 86_400e9 else { throw fault("longer than 100 years") }
        self = .nanoseconds(Int64(total.rounded()))
    }

    private static func nanoseconds(unit: String) -> Double? {
        switch unit {
        case "ns": 1
        case "us", "µs": 1e3
        case "ms": 1e6
        case "s": 1e9
        case "m": 60e9
        case "h": 3600e9
        case "d": 86_400e9
        case "w": 604_800e9
        default: nil
        }
    }

    /// Whole and fractional seconds.
    package var seconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }

    /// The text that ``init(parsing:)`` reads: `1h30m`, `250ms`.
    package var text: String {
        let nanoseconds = Int64((seconds * 1e9).rounded())
        guard nanoseconds != 0 else { return "0s" }
        var rest = nanoseconds.magnitude
        var parts = nanoseconds < 0 ? "-" : ""
        let units: [(UInt64, String)] = [
            (86_400_000_000_000, "d"), (3_600_000_000_000, "h"), (60_000_000_000, "m"), (1_000_000_000, "s"),
            (1_000_000, "ms"), (1_000, "us"), (1, "ns"),
        ]
        for (size, unit) in units where rest >= size {
            parts += "\(rest / size)\(unit)"
            rest %= size
        }
        return parts
    }
}

/// Reads numbers and units off the front of ASCII text.
enum QuantityReader {
    /// Up to 18 digits with at most one point, at least one digit; nil for anything else.
    static func number(_ bytes: inout ArraySlice<UInt8>) -> Double? {
        let text = bytes.prefix { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
        guard text.count <= 19, text.contains(where: { $0 != UInt8(ascii: ".") }),
            text.count(where: { $0 == UInt8(ascii: ".") }) <= 1,
            let value = Double(String(decoding: text, as: UTF8.self))
        else { return nil }
        bytes = bytes[text.endIndex...]
        return value
    }

    /// The bytes up to the next digit, point or blank.
    static func letters(_ bytes: inout ArraySlice<UInt8>) -> String {
        let text = bytes.prefix { !(0x30...0x39).contains($0) && $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: " ") }
        bytes = bytes[text.endIndex...]
        return String(decoding: text, as: UTF8.self)
    }
}
