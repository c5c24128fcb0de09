// SPDX-License-Identifier: Apache-2.0
import JSONText
import ProxyConfig
import Testing

struct JSONValueTests {
    @Test func aValueSurvivesTheWayThroughANode() {
        let value = JSONValue.object([
            "list": .array([.integer(1), .double(1.5), .bool(false), .null]), "text": .string("x"),
        ])
        #expect(JSONValue(JSONNode(value)) == value)
    }

    @Test func wholeDoublesCountAsIntegers() throws {
        let inbound = JSONValue.object(["protocol": .string("socks"), "port": .double(1080)])
        #expect(throws: Never.self) { try ConfigurationParts.inbound(from: JSONNode(inbound)) }
        #expect(JSONValue(JSONNode(.double(3))) == .integer(3))
        #expect(JSONValue(JSONNode(.double(1e300))) == .double(1e300))
        #expect(JSONValue(JSONNode(.double(.nan))) == .null)
    }

    @Test func theLastMemberOfANameCounts() throws {
        let root = try JSONDocument(text: #"{"a": 1, "a": 2}"#).root
        #expect(JSONValue(root) == .object(["a": .integer(2)]))
    }

    @Test func errorsInAValueGiveTheKeyPathOnly() {
        let value = JSONValue.object(["protocol": .string("socks"), "port": .string("x")])
        #expect {
            try ConfigurationParts.inbound(from: JSONNode(value), path: .index(.key(.root, "inbounds"), 2))
        } throws: {
            "\($0)" == "inbounds[2].port: not a port or a range of ports: \"x\""
        }
    }
}
