import JSONText
import ProxyConfig
import Testing
// SPDX-License-Identifier: Apache-2.0
import XrayProtos

struct ConfigurationPartsTests {
    @Test func oneSectionIsTakenAndTheRestIgnored() throws {
        let text =
            #"{"inbounds": [{"protocol": "http", "port": 1, "tag": "i"}], "outbounds": [{"protocol": "nope"}], "log": 5}"#
        #expect(try ConfigurationParts.inbounds(fromText: text).map(\.tag) == ["i"])
        #expect(try ConfigurationParts.outbounds(fromText: "{}").isEmpty)
        #expect(try ConfigurationParts.routing(fromText: "{}").rule.isEmpty)
        #expect(throws: ConfigurationError.self) { try ConfigurationParts.outbounds(fromText: text) }
        #expect(throws: ConfigurationError.self) { try ConfigurationParts.inbounds(fromText: "[]") }
    }

    @Test func singleObjectsAreDecoded() throws {
        let outbound = JSONValue.object(["protocol": .string("direct"), "tag": .string("d")])
        #expect(try ConfigurationParts.outbound(from: JSONNode(outbound)).tag == "d")
        let rule = JSONValue.object(["outboundTag": .string("d"), "source": .array([.string("10.0.0.1")])])
        #expect(try ConfigurationParts.rule(from: JSONNode(rule)).sourceIp.count == 1)
        let balancer = JSONValue.object(["tag": .string("b"), "selector": .string("a,b")])
        #expect(try ConfigurationParts.balancer(from: JSONNode(balancer)).outboundSelector == ["a", "b"])
    }
}
