// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf
import Testing
import XrayProtos

struct ProtoJSONTests {
    let pool = DescriptorPool.shared

    private func decode(_ text: String, _ name: String) throws -> DynamicMessage {
        try ProtoJSON.decode(text, as: try #require(pool.message(name)))
    }

    @Test func everyTypeSurvivesTheTripAndAgreesWithItsGeneratedType() throws {
        var random = RandomMessages(seed: 4)
        for name in TypedMessages.names {
            let descriptor = try #require(pool.message(name))
            let type = try #require(TypedMessages.type(named: name))
            for _ in 0..<4 {
                let message = random.message(descriptor)
                let text = ProtoJSON.encode(message)
                #expect(try ProtoJSON.decode(text, as: descriptor) == message, "\(name)")
                // The other implementation reads ours, and we read its text.
                let generated = try type.init(jsonString: text)
                #expect(try DynamicMessage(generated) == message, "\(name)")
                #expect(try ProtoJSON.decode(try generated.jsonString(), as: descriptor) == message, "\(name)")
            }
        }
    }

    @Test func theStandardSpellingsAreUsed() throws {
        let stat = try decode(#"{"name": "a", "value": 5}"#, "xray.app.stats.command.Stat")
        #expect(ProtoJSON.encode(stat) == #"{"name":"a","value":"5"}"#)
        #expect(ProtoJSON.encode(stat, indent: 2) == "{\n  \"name\": \"a\",\n  \"value\": \"5\"\n}")
        let endpoint = try decode(#"{"network": 2, "address": {"ip": "fwAAAQ"}}"#, "xray.common.net.Endpoint")
        #expect(ProtoJSON.encode(endpoint) == #"{"network":"TCP","address":{"ip":"fwAAAQ=="}}"#)
    }

    @Test func fieldsHaveTwoNamesAndNullIsAbsent() throws {
        let name = "xray.app.router.RoutingRule"
        #expect(try decode(#"{"rule_tag": "a"}"#, name) == decode(#"{"ruleTag": "a", "tag": null}"#, name))
    }

    @Test(arguments: ["5", "\"5\"", "5.0", "5e0", "0.5e1", "\"5.0\""])
    func wholeNumbersHaveManySpellings(text: String) throws {
        #expect(try decode("{\"value\": \(text)}", "xray.app.stats.command.Stat")["value"] == .int(5))
    }

    @Test func theLimitsOfIntegersAreKept() throws {
        let stat = "xray.app.stats.command.Stat"
        #expect(try decode(#"{"value": 9223372036854775807}"#, stat)["value"] == .int(.max))
        #expect(try decode(#"{"value": "-9223372036854775808"}"#, stat)["value"] == .int(.min))
        #expect(throws: ProtoError.self) { try decode(#"{"value": 9223372036854775808}"#, stat) }
        let system = "xray.app.stats.command.SysStatsResponse"
        #expect(try decode(#"{"Alloc": 18446744073709551615}"#, system)["Alloc"] == .uint(.max))
        #expect(throws: ProtoError.self) { try decode(#"{"Alloc": -1}"#, system) }
        #expect(throws: ProtoError.self) { try decode(#"{"NumGC": 4294967296}"#, system) }
    }

    @Test func floatsThatAreNoNumbersAreWords() throws {
        let weight = "xray.app.router.StrategyWeight"
        for word in ["NaN", "Infinity", "-Infinity"] {
            #expect(ProtoJSON.encode(try decode("{\"value\": \"\(word)\"}", weight)) == "{\"value\":\"\(word)\"}")
        }
        #expect(throws: ProtoError.self) { try decode(#"{"value": 1e39}"#, weight) }
        #expect(throws: ProtoError.self) { try decode(#"{"value": 1e999}"#, weight) }
        #expect(throws: ProtoError.self) { try decode(#"{"value": "0x1p3"}"#, weight) }
    }

    @Test func typedMessagesMayBeGivenExpanded() throws {
        let text = #"{"email":"a","account":{"_TypedMessage_":"xray.proxy.vless.Account","id":"x"}}"#
        let user = try decode(text, "xray.common.protocol.User")
        let generated = try #require(try user.generated(as: Xray_Common_Protocol_User.self))
        #expect(try generated.account.typed(as: Xray_Proxy_Vless_Account.self)?.id == "x")
        #expect(ProtoJSON.encode(user, expandingTypedMessages: true) == text)
        #expect(
            ProtoJSON.encode(user) == #"{"email":"a","account":{"type":"xray.proxy.vless.Account","value":"CgF4"}}"#)
    }

    @Test(arguments: [
        (#"{"mail": "a"}"#, "mail: xray.common.protocol.User has no such field"),
        (#"{"level": "x"}"#, "level: expected an integer"),
        (#"{"level": 0.5}"#, "level: expected an integer"),
        (#"{"level": +5}"#, "line 1 column 11: unexpected '+' where a value should begin"),
        (#"{"email": 5}"#, "email: expected a string"),
        (#"{"email": "a", "email": "b"}"#, "email: given twice"),
        (#"{"account": 5}"#, "account: expected an object"),
        (#"{"account": {"value": "*"}}"#, "account.value: expected base64"),
        (#"{"account": {"_TypedMessage_": "no.Type"}}"#, "account._TypedMessage_: no such message type"),
        (
            #"{"account": {"_TypedMessage_": "xray.proxy.vless.Account", "x": 1}}"#,
            "account.x: xray.proxy.vless.Account has no such field"
        ),
        ("[]", "expected an object"),
    ])
    func errorsNameThePath(text: String, message: String) {
        #expect { try decode(text, "xray.common.protocol.User") } throws: { ($0 as? ProtoError)?.message == message }
    }

    @Test func errorsInListsNameTheIndex() {
        #expect {
            try decode(#"{"rule": [{}, {"networks": ["TCP", "tcp"]}]}"#, "xray.app.router.Config")
        } throws: {
            ($0 as? ProtoError)?.message == "rule[1].networks[1]: xray.common.net.Network has no value \"tcp\""
        }
    }

    @Test func twoMembersOfAOneofAreRefused() {
        #expect(throws: ProtoError.self) { try decode(#"{"ip": "", "domain": "a"}"#, "xray.common.net.IPOrDomain") }
    }

    @Test(arguments: [
        "", " ", "{", "}", "{]", "[}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1,]", "[1 2]", "{,}", "tru", "nul", "'a'",
        "01",
        "-", "1.", ".5", "1e", "1e+", "00", "-01", "\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"",
        "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\n\"", "{} {}", "{\"a\":1 \"b\":2}", "\u{feff}{}", "NaN",
    ])
    func textThatIsNoJSONIsRefused(text: String) {
        #expect { try decode(text, "xray.common.protocol.User") } throws: { ($0 as? ProtoError)?.code == .badJSON }
    }

    @Test func everyPrefixOfATextIsRefused() throws {
        let text = #"{"email": "a\u00e9\n", "level": 10, "account": {"type": "x", "value": "AAAA"}}"#
        _ = try decode(text, "xray.common.protocol.User")
        for length in 0..<text.count {
            #expect(throws: ProtoError.self) { try decode(String(text.prefix(length)), "xray.common.protocol.User") }
        }
    }

    @Test func escapesAreRead() throws {
        let user = try decode(#"{"email": "\"\\\/\b\f\n\r\t\u0041\ud83d\ude00é"}"#, "xray.common.protocol.User")
        #expect(user["email"] == .string("\"\\/\u{8}\u{c}\n\r\tA😀é"))
    }

    @Test func deepTextIsRefused() {
        let text = String(repeating: "[", count: 100_000)
        #expect { try decode(text, "xray.common.protocol.User") } throws: { ($0 as? ProtoError)?.code == .tooDeep }
    }
}
