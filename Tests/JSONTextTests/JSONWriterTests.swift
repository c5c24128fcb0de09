// SPDX-License-Identifier: Apache-2.0
import JSONText
import Testing

struct JSONWriterTests {
    private static let text = #"{"a":[1,-2.5e3,true,null,[],{}],"b":{"c":"x"},"d":[[]]}"#

    private static func node(_ text: String) throws -> JSONNode {
        var parser = JSONParser(Array(text.utf8), rules: .strict(depth: 8))
        return try parser.parse()
    }

    @Test func whatWasReadIsWrittenAsItWas() throws {
        #expect(try Self.node(Self.text).text() == Self.text)
    }

    @Test func levelsAreIndentedAndEmptyListsStayOnTheirLine() throws {
        let lines = """
            {
              "a": [
                1,
                {},
                []
              ],
              "b": {
                "c": "x"
              }
            }
            """
        #expect(try Self.node(#"{"a":[1,{},[]],"b":{"c":"x"}}"#).text(indent: 2) == lines)
        #expect(try Self.node("[]").text(indent: 2) == "[]")
    }

    @Test func everyCharacterIsReadBack() throws {
        let text = String(String.UnicodeScalarView((0...0x2100).compactMap { Unicode.Scalar($0 as UInt32) })) + "😀"
        let written = JSONNode.string(text).text()
        #expect(try Self.node(written).value == .string(text))
        #expect(!written.unicodeScalars.contains { $0.value < 0x20 || $0 == "\u{2028}" || $0 == "\u{2029}" })
        #expect(JSONNode.string("\u{8}\u{1}\"\\é").text() == #""\b\u0001\"\\é""#)
    }

    @Test(arguments: [
        (0.1, "0.1"), (3, "3"), (-0.0, "-0"), (1e20, "100000000000000000000"), (1e21, "1e+21"), (1.5e-7, "1.5e-7"),
        (0.000001, "0.000001"), (123.456, "123.456"), (5e-324, "5e-324"),
    ])
    func numbersAreAsShortAsTheyCanBe(value: Double, text: String) {
        #expect(JSONNumber(shortest: value)?.text == text)
        #expect(JSONNumber(shortest: value)?.double == value)
        #expect(JSONNumber(shortest: Double.infinity) == nil)
    }
}
