// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Routing

/// Generated patterns, whose meaning all engines share, against Foundation's back-tracking engine.
struct RegexpDifferentialTests {
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 29
        }
    }

    private static func pattern(_ generator: inout Generator, depth: Int) -> String {
        let atoms = ["a", "b", "c", "\\.", "-", "[ab]", "[^a]", "[a-c]", "\\w", "\\d", ".", "\\b", "é", "[é-ü]"]
        var text = ""
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            var atom = atoms.randomElement(using: &generator) ?? "a"
            if depth > 0, Int.random(in: 0..<3, using: &generator) == 0 {
                let left = pattern(&generator, depth: depth - 1)
                let right = pattern(&generator, depth: depth - 1)
                atom = Bool.random(using: &generator) ? "(\(left))" : "(?:\(left)|\(right))"
            }
            // Foundation gives up on a lazy loop whose body matched nothing, so groups are repeated greedily only.
            let greedy = ["", "", "", "*", "+", "?", "{2}", "{1,3}"]
            let quantifiers = atom == "\\b" ? [""] : atom.hasPrefix("(") ? greedy : greedy + ["*?", "+?"]
            text += atom + (quantifiers.randomElement(using: &generator) ?? "")
        }
        return text
    }

    @Test(arguments: 0..<8)
    func agreesWithFoundation(seed: UInt64) throws {
        var generator = Generator(state: seed &* 7919 &+ 1)
        for _ in 0..<25 {
            let begin = ["", "^"].randomElement(using: &generator) ?? ""
            let end = ["", "$"].randomElement(using: &generator) ?? ""
            let core = Self.pattern(&generator, depth: 2)
            let pattern = begin + "(?:" + core + ")" + (end.isEmpty ? "" : "\\z")
            let goPattern = begin + "(?:" + core + ")" + end
            let reference = try NSRegularExpression(pattern: pattern)
            let automaton = try Regexp(goPattern)
            let program = try Regexp(goPattern, automatonStates: 0)
            for _ in 0..<12 {
                let letters: [Character] = ["a", "b", "c", ".", "-", "1", "_", "é", "x"]
                let count = Int.random(in: 0...7, using: &generator)
                let text = String((0..<count).map { _ in letters.randomElement(using: &generator) ?? "a" })
                // Word boundaries are Go's, of ASCII letters only: Foundation's would call é a letter.
                if text.contains("é"), pattern.contains("\\b") || pattern.contains("\\w") { continue }
                let range = NSRange(text.startIndex..., in: text)
                let expected = reference.firstMatch(in: text, range: range) != nil
                #expect(automaton.matches(text) == expected, "\(goPattern) in \(text)")
                #expect(program.matches(text) == expected, "\(goPattern) in \(text)")
            }
        }
    }
}
