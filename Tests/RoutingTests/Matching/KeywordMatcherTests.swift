// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Routing

struct KeywordMatcherTests {
    private func matcher(_ keywords: String...) -> KeywordMatcher {
        KeywordMatcher(keywords.map { Array($0.utf8) })
    }

    @Test(arguments: [
        ("ushers", true), ("she", true), ("ahishx", true), ("sh", false), ("her", false), ("", false), ("xhersx", true),
    ])
    func findsAnyKeywordAnywhere(_ text: String, _ expected: Bool) {
        #expect(matcher("hers", "his", "she").matches(Array(text.utf8)) == expected)
    }

    @Test
    func findsAKeywordThatEndsInsideAnother() {
        let matcher = matcher("abcde", "cd")
        #expect(matcher.matches(Array("xabcdx".utf8)))
        #expect(!matcher.matches(Array("abcxde".utf8)))
    }

    @Test
    func emptyKeywordIsInEveryText() {
        #expect(matcher("").matches([]))
        #expect(matcher("", "a").matches(Array("x".utf8)))
        #expect(!KeywordMatcher([]).matches(Array("x".utf8)))
    }

    @Test
    func agreesWithSearchingEachKeyword() {
        var state: UInt64 = 42
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        func text(_ count: Int) -> String { String((0..<count).map { _ in Character(["a", "b", "c"][random(3)]) }) }
        for _ in 0..<200 {
            let keywords = (0..<(1 + random(6))).map { _ in text(2 + random(4)) }
            let matcher = KeywordMatcher(keywords.map { Array($0.utf8) })
            for _ in 0..<10 {
                let text = text(random(12))
                #expect(matcher.matches(Array(text.utf8)) == keywords.contains { text.contains($0) })
            }
        }
    }
}
