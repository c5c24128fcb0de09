// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Testing

struct UserIDTests {
    @Test(arguments: [
        ("example", "feb54431-301b-52bb-a6dd-e1e93e81bb9e"),
        ("short name", "d74c24d2-3575-5d81-af06-8d456e99ef03"),
    ])
    func shortTextStandsForItsDerivedID(text: String, id: String) {
        #expect(UserID(text)?.description == id)
    }

    @Test(arguments: [
        "e1bc4fd8-cae4-4996-93d7-f00cb199fa9b", "e1bc4fd8cae4499693d7f00cb199fa9b",
        "E1BC4FD8-CAE4-4996-93D7-F00CB199FA9B",
        "e1bc4fd8-cae4499693d7f00cb199fa9b",
    ])
    func hexadecimalTextIsReadWithAndWithoutDashes(text: String) {
        #expect(UserID(text)?.description == "e1bc4fd8-cae4-4996-93d7-f00cb199fa9b")
    }

    @Test(arguments: [
        "", String(repeating: "a", count: 31), String(repeating: "a", count: 37), String(repeating: "x", count: 32),
        "e1bc4fd8-cae4-4996-93d7-f00cb199f", "--------------------------------",
    ])
    func otherTextIsNone(text: String) {
        #expect(UserID(text) == nil)
    }

    @Test func bytesComeBackInTextOrder() {
        let bytes = Array(UInt8(0)..<16)
        #expect(UserID(bytes: bytes)?.bytes == bytes)
        #expect(UserID(bytes: bytes)?.description == "00010203-0405-0607-0809-0a0b0c0d0e0f")
        #expect(UserID(bytes: [1, 2, 3]) == nil)
    }
}
