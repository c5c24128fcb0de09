// SPDX-License-Identifier: Apache-2.0

/// Durations as text: numbers with units, `1h30m`, `1.5s`, `250ms`, `-2m`, or a bare `0`.
package enum DurationText {
    /// The duration in nanoseconds; nil when the text is none or does not fit.
    package static func nanoseconds(_ text: some StringProtocol) -> Int64? {
        var rest = text.utf8[...]
        let sign: Int64 = rest.first == UInt8(ascii: "-") ? -1 : 1
        if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        if rest.elementsEqual([UInt8(ascii: "0")]) { return 0 }
        guard !rest.isEmpty else { return nil }
        var total: Int64 = 0
        while !rest.isEmpty {
            guard let part = takePart(&rest) else { return nil }
            let (sum, overflow) = total.addingReportingOverflow(part)
            guard !overflow else { return nil }
            total = sum
        }
        return sign * total
    }

    /// One number with its unit, as nanoseconds.
    private static func takePart<Bytes: Collection>(_ rest: inout Bytes) -> Int64?
    where Bytes.Element == UInt8, Bytes.SubSequence == Bytes {
        let whole = takeDigits(&rest)
        var fraction: [UInt8] = []
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            fraction = takeDigits(&rest)
        }
        guard !whole.isEmpty || !fraction.isEmpty else { return nil }
        let name = rest.prefix { $0 != UInt8(ascii: ".") && !($0 >= 0x30 && $0 <= 0x39) }
        guard let unit = unit(String(decoding: name, as: UTF8.self)) else { return nil }
        rest = rest.dropFirst(name.count)
        guard let count = whole.isEmpty ? 0 : Int64(String(decoding: whole, as: UTF8.self)) else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        var remainder: Int64 = 0
        var scale = unit
        for digit in fraction.prefix(18) {
            scale /= 10
            remainder += Int64(digit - 0x30) * scale
        }
        let (sum, overflowed) = product.addingReportingOverflow(remainder)
        return overflowed ? nil : sum
    }

    private static func takeDigits<Bytes: Collection>(_ rest: inout Bytes) -> [UInt8]
    where Bytes.Element == UInt8, Bytes.SubSequence == Bytes {
        let digits = rest.prefix { $0 >= 0x30 && $0 <= 0x39 }
        rest = rest.dropFirst(digits.count)
        return Array(digits)
    }

    private static func unit(_ name: String) -> Int64? {
        switch name {
        case "ns": 1
        case "us", "µs", "μs": 1_000
        case "ms": 1_000_000
        case "s": 1_000_000_000
        case "m": 60_000_000_000
        case "h": 3_600_000_000_000
        default: nil
        }
    }
}
