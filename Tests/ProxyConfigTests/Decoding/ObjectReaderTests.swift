// SPDX-License-Identifier: Apache-2.0
import ProxyConfig
import Testing

struct ObjectReaderTests {
    private func reader(_ text: String) throws -> ObjectReader {
        try ConfigNode(JSONDocument(text: text).root).objectReader()
    }

    @Test func keysAreFoundInAnyCaseAndTheLastCounts() throws {
        let reader = try reader(#"{"Port": 1, "PORT": 2}"#)
        #expect(try reader.integer("port", as: Int.self) == 2)
    }

    @Test func nullCountsAsAbsent() throws {
        let reader = try reader(#"{"a": null, "b": null}"#)
        #expect(reader["a"] == nil)
        #expect(try reader.string("b") == "")
    }

    @Test func keysOutsideASCIIAreNotFolded() throws {
        #expect(try reader(#"{"É": 1}"#)["é"] == nil)
    }

    @Test func unknownKeysGetTheClosestKnownOne() throws {
        let reader = try reader(#"{"inboundTags": [], "prot": 1, "zzz": 1, "outboundTgas": 1}"#)
        for key in ["inboundTag", "port", "outboundTag", "domain"] { _ = reader[key] }
        #expect(reader.unknownKeys.map(\.name) == ["inboundTags", "outboundTgas", "prot", "zzz"])
        #expect(reader.unknownKeys.map(\.suggestion) == ["inboundTag", "outboundTag", "port", nil])
    }

    @Test(arguments: [
        (#"{"a": 256}"#, "a: a whole number from 0 to 255 is needed, found the number 256"),
        (#"{"a": 1.0}"#, "a: a whole number from 0 to 255 is needed, found the number 1.0"),
        (#"{"a": "1"}"#, "a: a whole number from 0 to 255 is needed, found the text \"1\""),
        (#"{"a": []}"#, "a: a whole number from 0 to 255 is needed, found a list"),
    ])
    func numbersOfAnotherKindAreRefused(text: String, message: String) throws {
        let reader = try reader(text)
        #expect {
            try reader.integer("a", as: UInt8.self)
        } throws: {
            "\($0)" == message
        }
    }
}
