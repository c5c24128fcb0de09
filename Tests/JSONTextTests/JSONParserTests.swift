// SPDX-License-Identifier: Apache-2.0
import JSONText
import Testing

/// What differs between strict texts and configurations; the grammar itself is tested with configurations.
struct JSONParserTests {
    private static func failure(_ text: String, _ rules: JSONRules = .strict(depth: 8)) -> JSONSyntaxError? {
        var parser = JSONParser(Array(text.utf8), rules: rules)
        do throws(JSONSyntaxError) {
            _ = try parser.parse()
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        ("1 2", "unexpected '2' behind the value", 2), ("{} // x", "unexpected '/' behind the value", 3),
        ("[#]", "unexpected '#' where a value should begin", 1),
        (#""\ud800""#, "half of a surrogate pair", 7), (#""\ud800\u0041""#, "half of a surrogate pair", 7),
        (#""\udc00""#, "half of a surrogate pair", 7),
    ])
    func strictTextsAreOneValueAndNothingElse(text: String, message: String, offset: Int) {
        #expect(Self.failure(text) == JSONSyntaxError(message: message, offset: offset))
        #expect(Self.failure(text.replacing("[#]", with: "[] #"), .configuration) == nil)
    }

    @Test func strictTextsAreUTF8() {
        var parser = JSONParser([0x5b, 0x22, 0xff, 0x22, 0x5d], rules: .strict(depth: 8))
        #expect(throws: JSONSyntaxError(message: "a text that is not UTF-8", offset: 1)) { try parser.parse() }
    }

    @Test func nestingEndsWhereTheRulesSay() {
        let deep = String(repeating: "[", count: 8) + String(repeating: "]", count: 8)
        #expect(Self.failure(deep) == nil)
        #expect(Self.failure("[" + deep + "]")?.isTooDeep == true)
        #expect(Self.failure("[" + deep)?.message == "nested deeper than 8 levels")
    }

    @Test func everyBeginningOfAStrictTextIsRefused() {
        let text = #"{"a": [1, -2.5e3, true, null], "b": {"c": "x\"\u00e9\ud83d\ude00\n"}}"#
        for count in 0..<text.utf8.count {
            #expect(Self.failure(String(decoding: text.utf8.prefix(count), as: UTF8.self)) != nil)
        }
        #expect(Self.failure(text) == nil)
    }
}
