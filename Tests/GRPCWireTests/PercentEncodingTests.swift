// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import GRPCWire

struct PercentEncodingTests {
    @Test(arguments: [
        ("", ""), ("plain text", "plain text"), ("100%", "100%25"), ("a\nb\t", "a%0Ab%09"), ("ü", "%C3%BC"),
        ("~\u{7f}", "~%7F"), (" not found. ", "%20not found.%20"),
        (" ", "%20"),
    ])
    func encodesWhatIsNotPrintable(text: String, encoded: String) {
        #expect(PercentEncoding.encode(text) == Array(encoded.utf8))
        #expect(PercentEncoding.decode(encoded.utf8) == text)
    }

    @Test(arguments: [("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%%41", "%A"), ("%c3%bc", "ü"), ("a%2", "a%2")])
    func incompleteEscapesStandForThemselves(encoded: String, text: String) {
        #expect(PercentEncoding.decode(encoded.utf8) == text)
    }

    @Test func invalidUTF8IsRepaired() {
        #expect(PercentEncoding.decode("%FF".utf8) == "\u{fffd}")
    }
}
