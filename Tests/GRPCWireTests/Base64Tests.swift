// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import GRPCWire

struct Base64Tests {
    @Test(arguments: [
        ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
        ("foobar", "Zm9vYmFy"),
    ])
    func encodesTheVectorsOfRFC4648WithoutPadding(plain: String, encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == encoded)
        #expect(Base64.decode(encoded.utf8) == Array(plain.utf8))
    }

    @Test(arguments: [("Zg==", "f"), ("Zm8=", "fo"), ("Zm9vYg==", "foob")])
    func readsPaddingToo(encoded: String, plain: String) {
        #expect(Base64.decode(encoded.utf8) == Array(plain.utf8))
    }

    @Test(arguments: ["Z", "Zm9vY", "Zg=", "Zg===", "Z=g=", "====", "=", "Zm9v=", "Zm 9v", "Zm9v\n", "Zm-_", "é"])
    func refusesWhatIsNotBase64(text: String) {
        #expect(Base64.decode(text.utf8) == nil)
    }

    @Test func everyByteValueSurvives() {
        let bytes = [UInt8](0...255)
        #expect(Base64.decode(Base64.encode(bytes).utf8) == bytes)
    }
}
