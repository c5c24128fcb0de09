// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Routing

struct RegexpTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let pattern: String
        let matching: [String]
        let failing: [String]

        init(_ pattern: String, _ matching: [String], not failing: [String]) {
            self.pattern = pattern
            self.matching = matching
            self.failing = failing
        }

        var testDescription: String { pattern }
    }

    static let cases = [
        Case("^r[0-9]+\\.test$", ["r1.test", "r12.test"], not: ["r.test", "r12.test.org", "ar1.test", "R1.test"]),
        Case("\\.(test|invalid)$", ["a.test", "b.invalid"], not: ["test", "a.tests"]),
        Case("^[a-z]{3,5}\\.", ["abc.", "abcde.x"], not: ["ab.c", "abcdef.x", "1abc."]),
        Case("", ["", "x"], not: []),
        Case("a|b|", ["", "zzz"], not: []),
        Case("^(?:a|bc)*$", ["", "abcbca"], not: ["abcb"]),
        Case("^a{2}$", ["aa"], not: ["a", "aaa"]),
        Case("^a{2,}$", ["aa", "aaaaa"], not: ["a"]),
        Case("^a{0,2}$", ["", "a", "aa"], not: ["aaa"]),
        Case("^a{,2}$", ["a{,2}"], not: ["a", "aa"]),
        Case("^a{$", ["a{"], not: ["a"]),
        Case("^a{01}$", ["a{01}"], not: ["a"]),
        Case("^x*?y+?z??$", ["y", "xxyyz"], not: ["xz"]),
        Case("\\bfoo\\b", ["foo", "a foo.", "foo-bar"], not: ["foobar", "afoo", "foo_"]),
        Case("\\Boo", ["foo"], not: ["oo", " oo"]),
        Case("^\\d+\\D\\w\\W\\s\\S$", ["12a_- x"], not: ["12a_-xx", "a"]),
        Case("\\Aab\\z", ["ab"], not: ["xab", "abx", "ab\n"]),
        Case("a$", ["a", "ba"], not: ["a\n", "ab"]),
        Case("(?m)^a$", ["a", "b\na\nb"], not: ["b\nab"]),
        Case("a.c", ["abc", "aéc", "a😀c"], not: ["a\nc", "ac"]),
        Case("(?s)a.c", ["a\nc"], not: ["ac"]),
        Case("(?i)straSSe", ["STRASSE", "ſtrasse"], not: ["straße"]),
        Case("(?i)[k]", ["K", "k", "\u{212a}"], not: ["q"]),
        Case("(?i)é", ["É", "é"], not: ["e"]),
        Case("(?i)σ", ["Σ", "ς"], not: ["s"]),
        Case("a(?i)b(?-i)c", ["abc", "aBc"], not: ["Abc", "abC"]),
        Case("(?i:a)b", ["Ab"], not: ["AB"]),
        Case("(a(?i)b)c", ["aBc"], not: ["aBC"]),
        Case("(?P<host>x)(?<port>y)", ["xy"], not: ["x"]),
        Case("[^a-c]", ["d", "ad"], not: ["abc", ""]),
        Case("^[]a]+$", ["]a]"], not: ["b"]),
        Case("^[a-]+$", ["a-a"], not: ["b"]),
        Case("^[\\]\\-\\\\.]+$", ["]-\\."], not: ["a"]),
        Case("^[[:alpha:][:digit:]]+$", ["aZ9"], not: ["a_"]),
        Case("^[[:^alpha:]]+$", ["12."], not: ["a"]),
        Case("^[\\d\\s]+$", ["1 2"], not: ["a"]),
        Case("^[^\\w]+$", ["-.-"], not: ["a"]),
        Case("^\\x41\\x{1F600}\\101\\t$", ["A😀A\t"], not: ["A"]),
        Case("^\\Qa.b*\\E+$", ["a.b*", "a.b**"], not: ["aab"]),
        Case("^\\pL+$", ["äöλ"], not: ["a1"]),
        Case("^\\p{Lu}\\P{Lu}$", ["Aa"], not: ["AA"]),
        Case("^\\p{^N}$", ["x"], not: ["7"]),
        Case("^[\u{80}-\u{10fff}]$", ["é", "\u{7ff}", "\u{800}", "\u{ffff}", "\u{10000}"], not: ["a", "\u{11000}"]),
        Case("[^\\x00-\\x{10FFFF}]", [], not: ["", "a", "😀"]),
        Case("(|a)*", ["", "b"], not: []),
        Case("^(?:(?:a*)*|b)*c$", ["c", "aabac"], not: ["aad"]),
        Case("^^a", ["a"], not: ["ba"]),
        Case("(^a|b)c", ["ac", "xbc"], not: ["xac"]),
        Case("^*a", ["a", "ba"], not: ["b"]),
    ]

    @Test(arguments: cases)
    func matchesAsGoDoes(_ test: Case) throws {
        for states in [RegexpAutomaton.stateLimit, 0] {
            let regexp = try Regexp(test.pattern, automatonStates: states)
            for text in test.matching { #expect(regexp.matches(text), "\(test.pattern) in \(text.debugDescription)") }
            for text in test.failing { #expect(!regexp.matches(text), "\(test.pattern) in \(text.debugDescription)") }
        }
    }

    @Test(arguments: [
        ("(", "missing closing ): `(`"),
        ("a(b", "missing closing ): `a(b`"),
        ("a)b", "unexpected ): `a)b`"),
        (")", "unexpected ): `)`"),
        ("*", "missing argument to repetition operator: `*`"),
        ("a|*", "missing argument to repetition operator: `*`"),
        ("(+)", "missing argument to repetition operator: `+`"),
        ("{2}", "missing argument to repetition operator: `{2}`"),
        ("(?i)*", "missing argument to repetition operator: `*`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a+?{2}", "invalid nested repetition operator: `+?{2}`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{3,2}", "invalid repeat count: `{3,2}`"),
        ("((a{100}){100}){100}", "invalid repeat count: `{100}`"),
        ("a[b", "missing closing ]: `[b`"),
        ("[]", "missing closing ]: `[]`"),
        ("[a-\\", "trailing backslash at end of expression: ``"),
        ("[b-a]", "invalid character class range: `b-a`"),
        ("[[:nope:]]", "invalid character class range: `[:nope:]`"),
        ("a\\", "trailing backslash at end of expression: ``"),
        ("\\q", "invalid escape sequence: `\\q`"),
        ("(a)\\1", "invalid escape sequence: `\\1`"),
        ("\\8", "invalid escape sequence: `\\8`"),
        ("\\C", "invalid escape sequence: `\\C`"),
        ("\\x{110000}", "invalid escape sequence: `\\x{110000`"),
        ("\\p{Nonsense}", "invalid character class range: `\\p{Nonsense}`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?!a)", "invalid or unsupported Perl syntax: `(?!`"),
        ("(?i-)", "invalid or unsupported Perl syntax: `(?i-)`"),
        ("(?P<a b>x)", "invalid named capture: `(?P<a b>`"),
        ("(?P<n>x)(?P<n>y)", "invalid named capture: `(?P<n>`"),
    ])
    func refusesInTheWordsOfGo(_ pattern: String, _ message: String) {
        #expect(throws: RegexpError.self) { try Regexp(pattern) }
        do {
            _ = try Regexp(pattern)
        } catch {
            #expect(error.message == "error parsing regexp: \(message)")
        }
    }

    @Test(arguments: [
        "(a*)*b", "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a|aa)+$b", "(.*)*(.*)*(.*)*x", "(a?){100}a{100}b",
    ])
    func takesLinearTimeOnHostileInput(_ pattern: String) throws {
        let text = String(repeating: "a", count: 2_000)
        for states in [RegexpAutomaton.stateLimit, 0] {
            #expect(try !Regexp(pattern, automatonStates: states).matches(text + "!"))
        }
    }

    @Test(arguments: ["a{1000}{1000}", "(?:a{30}){30}{30}", "\\pL{200}", "((((a{10}){10}){10}))\\pL{1000}"])
    func refusesHugePrograms(_ pattern: String) {
        #expect(throws: RegexpError.self) { try Regexp(pattern) }
    }

    @Test
    func refusesDeepNesting() {
        let depth = 100_000
        let pattern = String(repeating: "(", count: depth) + String(repeating: ")", count: depth)
        #expect(throws: RegexpError.self) { try Regexp(pattern) }
    }

    @Test
    func keepsLargeProgramsOutOfTheAutomaton() throws {
        let regexp = try Regexp("(?:a|b)*a(?:a|b){20}$")
        #expect(regexp.matches("bbba" + String(repeating: "b", count: 20)))
        #expect(!regexp.matches("bbbb" + String(repeating: "b", count: 20)))
    }

    @Test
    func everyPrefixOfAPatternParsesOrIsRefused() {
        let pattern = "^(?i:a|b[^c-d\\]]{2,3})+?\\bx\\x{1f600}[[:alpha:]](?P<n>\\pL\\Q*\\E)$"
        let scalars = Array(pattern.unicodeScalars)
        for count in 0...scalars.count {
            var prefix = String.UnicodeScalarView()
            prefix.append(contentsOf: scalars[..<count])
            _ = try? Regexp(String(prefix)).matches("abx")
        }
    }
}
