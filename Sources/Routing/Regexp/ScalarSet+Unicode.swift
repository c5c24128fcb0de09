// SPDX-License-Identifier: Apache-2.0
import Synchronization

extension ScalarSet {
    /// The set and everything that differs from its members in case only.
    var caseFolded: ScalarSet {
        var added: [ClosedRange<UInt32>] = []
        for range in ranges {
            for (from, to) in [(UInt32(0x41), UInt32(0x61)), (0x61, 0x41)] {
                let lower = max(range.lowerBound, from)
                let upper = min(range.upperBound, from + 25)
                if lower <= upper { added.append((lower - from + to)...(upper - from + to)) }
            }
        }
        if contains(0x4b) || contains(0x6b) { added.append(0x212a...0x212a) }
        if contains(0x53) || contains(0x73) { added.append(0x17f...0x17f) }
        if let end = ranges.last?.upperBound, end > 0x7f {
            for orbit in Self.orbits where orbit.contains(where: contains) {
                added += orbit.map { $0...$0 }
            }
        }
        return ScalarSet(ranges + added)
    }

    /// Groups of two or more scalars that differ in case only.
    private static let orbits: [[UInt32]] = {
        var groups: [UInt32: [UInt32]] = [:]
        for value in UInt32(0x41)...0x1_e943 where value != 0x130 && value != 0x131 {
            guard let scalar = Unicode.Scalar(value), scalar.properties.isCased else { continue }
            let upper = single(scalar.properties.uppercaseMapping) ?? scalar
            let lower = single(upper.properties.lowercaseMapping) ?? upper
            groups[lower.value, default: []].append(value)
        }
        return groups.values.filter { $0.count > 1 }
    }()

    private static func single(_ text: String) -> Unicode.Scalar? {
        text.unicodeScalars.count == 1 ? text.unicodeScalars.first : nil
    }

    private static let categories = Mutex<[String: ScalarSet]>([:])

    /// The scalars of a general category: `L`, `Lu`, `N` …; nil for another name.
    static func category(_ name: String) -> ScalarSet? {
        if name == "Any" { return .all }
        guard let wanted = categoryNames[name] else { return nil }
        return categories.withLock { known in
            if let set = known[name] { return set }
            var ranges: [ClosedRange<UInt32>] = []
            for value in UInt32(0)...0x10_ffff where value < 0x3_3480 || value >= 0xe_0000 {
                guard let scalar = Unicode.Scalar(value), wanted.contains(scalar.properties.generalCategory) else {
                    continue
                }
                if let range = ranges.last, range.upperBound + 1 == value {
                    ranges[ranges.count - 1] = range.lowerBound...value
                } else {
                    ranges.append(value...value)
                }
            }
            let set = ScalarSet(ranges)
            known[name] = set
            return set
        }
    }

    private static let categoryNames: [String: Set<Unicode.GeneralCategory>] = {
        let single: [String: Unicode.GeneralCategory] = [
            "Lu": .uppercaseLetter, "Ll": .lowercaseLetter, "Lt": .titlecaseLetter, "Lm": .modifierLetter,
            "Lo": .otherLetter, "Mn": .nonspacingMark, "Mc": .spacingMark, "Me": .enclosingMark,
            "Nd": .decimalNumber, "Nl": .letterNumber, "No": .otherNumber, "Pc": .connectorPunctuation,
            "Pd": .dashPunctuation, "Ps": .openPunctuation, "Pe": .closePunctuation, "Pi": .initialPunctuation,
            "Pf": .finalPunctuation, "Po": .otherPunctuation, "Sm": .mathSymbol, "Sc": .currencySymbol,
            "Sk": .modifierSymbol, "So": .otherSymbol, "Zs": .spaceSeparator, "Zl": .lineSeparator,
            "Zp": .paragraphSeparator, "Cc": .control, "Cf": .format, "Co": .privateUse,
        ]
        var names = single.mapValues { Set([$0]) }
        for (name, category) in single { names[String(name.prefix(1)), default: []].insert(category) }
        return names
    }()
}
