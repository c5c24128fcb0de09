// SPDX-License-Identifier: Apache-2.0

/// One field of a cron expression: the set of values that match.
struct CronField: Sendable, Equatable {
    /// Bit n stands for the value n.
    var values: UInt64
    /// The field begins with `*` or is `?`: it does not restrict by itself (though `*/2` leaves values out).
    var isWildcard: Bool

    func contains(_ value: Int) -> Bool { values & (1 << UInt64(value)) != 0 }

    /// The smallest member that is at least `value`.
    func next(from value: Int) -> Int? {
        guard value < 64 else { return nil }
        let rest = values >> UInt64(max(value, 0))
        return rest == 0 ? nil : max(value, 0) + rest.trailingZeroBitCount
    }

    /// What a field may hold.
    struct Kind: Sendable {
        var name: String
        var range: ClosedRange<Int>
        /// Names of values, from the range's lower bound on.
        var names: [String] = []
        var allowsQuestionMark = false

        static let second = Kind(name: "second", range: 0...59)
        static let minute = Kind(name: "minute", range: 0...59)
        static let hour = Kind(name: "hour", range: 0...23)
        static let dayOfMonth = Kind(name: "day of month", range: 1...31, allowsQuestionMark: true)
        static let month = Kind(
            name: "month", range: 1...12,
            names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])
        /// 7 is Sunday as well as 0.
        static let dayOfWeek = Kind(
            name: "day of week", range: 0...7, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
            allowsQuestionMark: true)
    }

    /// Reads a list of `*`, `?`, `n`, `a-b`, each with an optional `/step`.
    init(_ text: Substring, kind: Kind, number: Int) throws(AutomationError) {
        values = 0
        isWildcard = text.first == "*" || text == "?"
        let reader = CronFieldReader(kind: kind, number: number)
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            values |= try reader.values(of: part)
        }
        if kind.range.upperBound == 7, contains(7) { values = values & ~(1 << 7) | 1 }
    }
}

/// Reads the parts of one field; its errors begin with the field's number and name.
private struct CronFieldReader {
    var kind: CronField.Kind
    var number: Int

    func values(of part: Substring) throws(AutomationError) -> UInt64 {
        let pieces = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let base = pieces.first, !base.isEmpty else { throw fault("a value is missing") }
        var range: ClosedRange<Int>
        if base == "*" {
            range = kind.range.lowerBound...(kind.range.upperBound == 7 ? 6 : kind.range.upperBound)
        } else if base == "?" {
            guard kind.allowsQuestionMark, pieces.count == 1 else { throw fault("? is not possible here") }
            range = kind.range
        } else {
            range = try self.range(of: base, hasStep: pieces.count == 2)
        }
        let step = pieces.count == 2 ? try self.step(pieces[1]) : 1
        var bits: UInt64 = 0
        for value in stride(from: range.lowerBound, through: range.upperBound, by: step) { bits |= 1 << UInt64(value) }
        return bits
    }

    private func range(of text: Substring, hasStep: Bool) throws(AutomationError) -> ClosedRange<Int> {
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let first = try value(ends.first ?? "")
        guard ends.count == 2 else {
            // `5/15` counts from 5 to the end of the field.
            let last = hasStep ? (kind.range.upperBound == 7 ? 6 : kind.range.upperBound) : first
            return first...max(first, last)
        }
        var last = try value(ends[1])
        // Sunday closes a week that it cannot open: `fri-sun` is 5-7.
        if kind.range.upperBound == 7, last == 0, first > 0 { last = 7 }
        guard first <= last else { throw fault("range \(text) runs backwards") }
        return first...last
    }

    private func step(_ text: Substring) throws(AutomationError) -> Int {
        guard let step = digits(text), step > 0 else { throw fault("step \"\(text)\" is not a positive number") }
        guard step <= kind.range.upperBound else { throw fault("step \(step) is wider than the field") }
        return step
    }

    private func value(_ text: Substring) throws(AutomationError) -> Int {
        if let index = kind.names.firstIndex(of: text.lowercased()) { return kind.range.lowerBound + index }
        guard let value = digits(text) else {
            throw fault("\"\(text)\" is not a number" + (kind.names.isEmpty ? "" : " or a name"))
        }
        guard kind.range.contains(value) else {
            throw fault("\(value) is not in \(kind.range.lowerBound)-\(kind.range.upperBound)")
        }
        return value
    }

    private func digits(_ text: Substring) -> Int? {
        let digits = text.utf8
        guard (1...4).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text)
    }

    private func fault(_ message: String) -> AutomationError {
        AutomationError(.syntax, "cron: field \(number) (\(kind.name)): \(message)")
    }
}
