// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// The value of `grpc-timeout`: one to eight digits and a unit `H M S m u n`.
enum GRPCTimeout {
    /// Longer times are cut to this, so that a deadline made of one can be computed: some 73 years.
    private static let longest = Int64.max / 4

    /// Nil when the text is no such value.
    static func parse(_ text: some Collection<UInt8>) -> TimeAmount? {
        guard (2...9).contains(text.count) else { return nil }
        var number: Int64 = 0
        var unit: Int64?
        for byte in text {
            guard unit == nil else { return nil }
            switch byte {
            case 0x30...0x39: number = number * 10 + Int64(byte - 0x30)
            case 0x48: unit = 3_600_000_000_000
            case 0x4d: unit = 60_000_000_000
            case 0x53: unit = 1_000_000_000
            case 0x6d: unit = 1_000_000
            case 0x75: unit = 1000
            case 0x6e: unit = 1
            default: return nil
            }
        }
        guard let unit, text.first.map({ 0x30...0x39 ~= $0 }) == true else { return nil }
        let (nanoseconds, overflow) = number.multipliedReportingOverflow(by: unit)
        return .nanoseconds(overflow ? longest : min(nanoseconds, longest))
    }

    /// The finest unit in which the number has at most eight digits, rounded up.
    static func encode(_ timeout: TimeAmount) -> String {
        let nanoseconds = max(timeout.nanoseconds, 1)
        let units: [(Int64, String)] = [
            (1, "n"), (1000, "u"), (1_000_000, "m"), (1_000_000_000, "S"), (60_000_000_000, "M"),
        ]
        for (unit, letter) in units {
            let number = nanoseconds / unit + (nanoseconds % unit == 0 ? 0 : 1)
            if number <= 99_999_999 { return "\(number)\(letter)" }
        }
        return "\(min(nanoseconds / 3_600_000_000_000 + 1, 99_999_999))H"
    }
}
