// SPDX-License-Identifier: Apache-2.0
import JSONText
import ProxyConfig
import Testing

struct JSONDocumentTests {
    private static let sample = """
        { // one
          "a": [1, -2.5e3, true, false, null], # two
          "b": { "c": "x\\"\\u00e9\\ud83d\\ude00\\n" }, /* three
          lines */ "d": []
        } and text behind
        """

    private func failure(_ text: String) -> String? {
        do {
            _ = try JSONDocument(text: text)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func readsValuesAndSkipsComments() throws {
        let value = JSONValue(try JSONDocument(text: Self.sample).root)
        #expect(
            value
                == .object([
                    "a": .array([.integer(1), .double(-2500), .bool(true), .bool(false), .null]),
                    "b": .object(["c": .string("x\"é😀\n")]),
                    "d": .array([]),
                ]))
    }

    @Test func eachProperPrefixIsAnError() throws {
        let bytes = Array(Self.sample.utf8)
        let end = try #require(bytes.lastIndex(of: UInt8(ascii: "}")))
        for count in 0...end {
            #expect(throws: ConfigurationError.self) { try JSONDocument(bytes: Array(bytes[..<count])) }
        }
        #expect(throws: Never.self) { try JSONDocument(bytes: Array(bytes[...end])) }
    }

    @Test func anyByteInAnyPlaceIsReadOrRefused() {
        let bytes = Array(Self.sample.utf8)
        for place in bytes.indices {
            for byte in [UInt8(0), 0x22, 0x2c, 0x2f, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d, 0x80, 0xff] {
                var changed = bytes
                changed[place] = byte
                _ = try? JSONDocument(bytes: changed)
            }
        }
    }

    @Test(arguments: [
        ("{\"a\": [1,]}", "configuration:1:10: unexpected ']' where a value should begin"),
        ("{\n  \"é\": 1,\n}", "configuration:3:1: unexpected '}' where a key in quotation marks should begin"),
        ("{\"ééé\" 1}", "configuration:1:8: unexpected '1' after a key, where a colon should stand"),
        (
            "{\"a\": 1 \"b\": 2}",
            "configuration:1:9: unexpected '\"' after a member of an object, where a comma or } should stand"
        ),
        ("[1 2]", "configuration:1:4: unexpected '2' after an element of a list, where a comma or ] should stand"),
        ("{\"a\": \"x", "configuration:1:7: a text in quotation marks that does not end"),
        ("{\"a\": \"x\ny\"}", "configuration:1:9: unexpected control character 0x0a inside a text"),
        ("{\"a\": \"\\x\"}", "configuration:1:9: unexpected 'x' after a backslash"),
        (
            "{\"a\": \"\\u12g4\"}",
            "configuration:1:12: unexpected 'g' in a \\u escape, where a hexadecimal digit should stand"
        ),
        ("{/* a", "configuration:1:2: a comment /* that does not end"),
        ("{/ a", "configuration:1:2: unexpected '/' where no comment begins"),
        ("{'a': 1}", "configuration:1:2: unexpected ''' where a key in quotation marks should begin"),
        ("", "configuration:1:1: the text is empty"),
        ("  # nothing", "configuration:1:12: the text is empty"),
        ("ä", "configuration:1:1: unexpected 'ä' where a value should begin"),
        ("truth", "configuration:1:4: unexpected 't' in the word true"),
        ("tru", "configuration:1:4: unexpected end of the text"),
    ])
    func errorsSayWhereAndWhat(text: String, message: String) {
        #expect(failure(text) == message)
    }

    @Test(arguments: ["01", "1.", ".5", "+1", "1e", "1e+", "-", "--1", "0x10", "1_000", "NaN", "Infinity"])
    func numbersInOtherGrammarsAreRefused(text: String) {
        #expect(failure("{\"a\": \(text)}") != nil)
    }

    @Test func numbersOfAnySizeKeepTheirDigits() throws {
        let digits = String(repeating: "9", count: 10_000)
        let root = try JSONDocument(text: "[\(digits), 1e999999, 9223372036854775807, 9223372036854775808]").root
        guard case .array(let nodes) = root.value, case .number(let long) = nodes[0].value else {
            Issue.record("not a list of numbers")
            return
        }
        #expect(long.text == digits)
        #expect(long.integer(as: Int64.self) == nil)
        #expect(long.double == nil)
        #expect(
            nodes.map { JSONValue($0) } == [
                .double(.infinity), .double(.infinity), .integer(.max), .double(9_223_372_036_854_775_808),
            ])
    }

    @Test func nestingHasALimitAndNeverCrashes() throws {
        let deep = String(repeating: "[", count: 256) + String(repeating: "]", count: 256)
        #expect(throws: Never.self) { try JSONDocument(text: deep) }
        #expect(failure("[" + deep + "]")?.contains("nested deeper than 256 levels") == true)
        #expect(failure(String(repeating: "{\"a\":", count: 1_000_000)) != nil)
        #expect(failure(String(repeating: "[", count: 1_000_000)) != nil)
    }

    @Test func malformedTextBecomesReplacementCharacters() throws {
        let bytes: [UInt8] = [0x22, 0x61, 0xff, 0x62, 0x22]
        #expect(JSONValue(try JSONDocument(bytes: bytes).root) == .string("a\u{fffd}b"))
        #expect(JSONValue(try JSONDocument(text: #""\ud800x""#).root) == .string("\u{fffd}x"))
        #expect(JSONValue(try JSONDocument(text: #""\ud800\u0041""#).root) == .string("\u{fffd}A"))
        #expect(JSONValue(try JSONDocument(text: #""\udc00""#).root) == .string("\u{fffd}"))
    }

    @Test func commentsCanBeForbidden() {
        #expect(throws: ConfigurationError.self) {
            try JSONDocument(bytes: Array("{ /* no */ }".utf8), allowsComments: false)
        }
    }

    @Test func positionsAreRightFarFromTheTop() throws {
        let line = "\n" + String(repeating: "é", count: 5000)
        let text = "[" + String(repeating: "\n", count: 10_000) + "\"" + String(repeating: "é", count: 9000) + "\" x]"
        #expect(failure(text)?.hasPrefix("configuration:10001:9004: unexpected 'x'") == true)
        #expect(try JSONDocument(text: "1" + line + line).position(of: 1 + 2 * 10_001) == .init(line: 3, column: 5001))
        #expect(try JSONDocument(text: "1").position(of: 1_000_000) == .init(line: 1, column: 2))
    }

    @Test func aByteOrderMarkIsSkipped() throws {
        #expect(JSONValue(try JSONDocument(bytes: [0xef, 0xbb, 0xbf, 0x7b, 0x7d]).root) == .object([:]))
    }

    @Test func commentMarksInsideTextsAreText() throws {
        let root = try JSONDocument(text: ##"{"a": "http://x/#y /* z */"}"##).root
        #expect(JSONValue(root) == .object(["a": .string("http://x/#y /* z */")]))
    }
}
