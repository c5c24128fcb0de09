// SPDX-License-Identifier: Apache-2.0

extension CivilTime {
    /// Reads `2026-03-31`, `2026-03-31 18:00` or `2026-03-31 18:00:30` (a `T` may stand for the blank), of the years 1 to 9999; nil
    /// for all else, such as the 30th of February.
    init?(parsing text: some StringProtocol) {
        guard text.utf8.count <= 19 else { return nil }
        let parts = text.split(omittingEmptySubsequences: false) { $0 == " " || $0 == "T" }
        guard let first = parts.first, parts.count <= 2, let date = Self.numbers(first, "-", widths: [4, 2, 2]),
            (1...9999).contains(date[0]), (1...12).contains(date[1]),
            (1...Self.length(ofMonth: date[1], year: date[0])).contains(date[2])
        else { return nil }
        (year, month, day, secondOfDay) = (date[0], date[1], date[2], 0)
        guard parts.count == 2 else { return }
        let widths = [2, 2, 2].prefix(parts[1].count > 5 ? 3 : 2)
        guard let time = Self.numbers(parts[1], ":", widths: Array(widths)), time[0] < 24, time[1] < 60,
            time.count < 3 || time[2] < 60
        else { return nil }
        secondOfDay = time[0] * 3600 + time[1] * 60 + (time.count > 2 ? time[2] : 0)
    }

    /// Seconds from 1970-01-01T00:00:00 on the same wall clock.
    var seconds: Int64 {
        Self.day(year: year, month: month, day: day) * 86_400 + Int64(secondOfDay)
    }

    private static func numbers(_ text: some StringProtocol, _ mark: Character, widths: [Int]) -> [Int]? {
        let parts = text.split(separator: mark, omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == widths, parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } })
        else { return nil }
        return parts.compactMap { Int($0) }
    }
}
