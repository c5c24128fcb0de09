// SPDX-License-Identifier: Apache-2.0

/// What a wall clock shows: a day of the Gregorian calendar and a time of day, without a zone.
///
/// `seconds` counts from 1970-01-01T00:00:00 on the same wall clock, so that a zone's offset is a plain subtraction.
struct CivilTime: Equatable {
    var year: Int
    var month: Int
    var day: Int
    /// 0 to 86,399.
    var secondOfDay: Int

    init(seconds: Int64) {
        let (days, secondOfDay) = floorDivision(seconds, 86_400)
        self.secondOfDay = Int(secondOfDay)
        (year, month, day) = Self.date(ofDay: days)
    }

    /// The date of a day counted from 1970-01-01.
    static func date(ofDay day: Int64) -> (year: Int, month: Int, day: Int) {
        // The estimate is off by at most one year, because 146,097 days are exactly 400 years.
        var year = Int(floorDivision(day * 400, 146_097).quotient) + 1970
        while firstDay(ofYear: year + 1) <= day { year += 1 }
        while firstDay(ofYear: year) > day { year -= 1 }
        var rest = Int(day - firstDay(ofYear: year))
        var month = 1
        while month < 12, rest >= length(ofMonth: month, year: year) {
            rest -= length(ofMonth: month, year: year)
            month += 1
        }
        return (year, month, rest + 1)
    }

    /// The day, counted from 1970-01-01, of a date.
    static func day(year: Int, month: Int, day: Int) -> Int64 {
        var days = firstDay(ofYear: year)
        for earlier in 1..<max(month, 1) { days += Int64(length(ofMonth: earlier, year: year)) }
        return days + Int64(day - 1)
    }

    static func length(ofMonth month: Int, year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// 0 is Sunday; 1970-01-01 was a Thursday.
    static func weekday(ofDay day: Int64) -> Int {
        Int(floorDivision(day + 4, 7).remainder)
    }

    private static func isLeap(_ year: Int) -> Bool {
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    }

    private static func firstDay(ofYear year: Int) -> Int64 {
        let before = Int64(year - 1)
        let leapDays =
            floorDivision(before, 4).quotient - floorDivision(before, 100).quotient
            + floorDivision(before, 400).quotient
        return before * 365 + leapDays - 719_162
    }
}

/// Division that rounds down, so that the remainder is never negative.
func floorDivision(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
}
